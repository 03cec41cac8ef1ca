"""The progress line of a training."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable

from tqdm import tqdm

FORMAT = "{n_fmt} of {total_fmt}{unit}, {rate_noinv_fmt}{postfix}, {remaining} left"


class Progress:
    """Shows steps/s, time left and a note such as the mean return, on the standard error stream.

    On a terminal that is one line that changes in place; elsewhere (a log file, a pipe) it is
    a new line every ten seconds.

    Args:
        total: how many steps the training takes.
        initial: how many had been made before it was resumed; may be more than ``total``.
        quiet: show nothing.
        unit: what a step is called.
    """

    def __init__(
        self, total: int, initial: int = 0, quiet: bool = False, unit: str = "steps"
    ) -> None:
        terminal = sys.stderr.isatty()
        total = max(total, initial)
        self._now: tuple[int, Callable[[], str]] = (initial, str)
        self._total = total
        self._seconds = 0.2 if terminal else 10.0
        self._due = 0.0
        self._bar = tqdm(
            total=total,
            initial=initial,
            disable=quiet,
            file=sys.stderr if terminal else _Lines(),
            dynamic_ncols=terminal,
            bar_format="{percentage:3.0f}%" + (" |{bar}| " if terminal else " ") + FORMAT,
            unit=f" {unit}",
            unit_scale=total >= 1000,
            mininterval=0,
            miniters=0,
            delay=1e-9,  # no line before the first update
        )

    def update(self, steps_done: int, note: Callable[[], str]) -> None:
        """Show how far the training is; cheap enough for every step.

        Args:
            steps_done: since the training's very start, ``initial`` included.
            note: gives the words to show beside it; called only when they are shown.
        """
        self._now = (steps_done, note)
        if time.monotonic() >= self._due:
            self._bar.update(self._describe() - self._bar.n)
            self._due = time.monotonic() + self._seconds

    def say(self, line: str) -> None:
        """Print a line that stays, above the progress."""
        if not self._bar.disable:
            self._bar.write(line)

    def close(self) -> None:
        """Show the last metrics and end the line."""
        self._bar.n = self._describe()
        self._bar.close()

    def _describe(self) -> int:
        """Set the words of the line, and return the steps that it should show."""
        steps_done, note = self._now
        self._bar.set_postfix_str(note(), refresh=False)
        # The last steps of a vector of environments may go beyond the total.
        return min(steps_done, self._total)


class _Lines(io.TextIOBase):
    """Passes a line on that is written again and again, as one line each time."""

    _last = ""

    def write(self, text: str) -> int:
        line = text.strip()
        if line and line != self._last:
            print(line, file=sys.stderr, flush=True)
            self._last = line
        return len(text)
