"""A progress bar for training."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable

from tqdm import tqdm

FORMAT = "{n_fmt} of {total_fmt}{unit}, {rate_noinv_fmt}{postfix}, {remaining} left"


class Progress:
    """Shows progress, steps/s, remaining time and a note such as the mean return, on stderr.

    A terminal shows one line that is updated in place; a log file or a pipe gets a new line every
    ten seconds.

    Args:
        total: number of steps.
        initial: steps taken before the run was resumed; may exceed ``total``.
        quiet: whether to show nothing.
        unit: name of a step.
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
            file=sys.stderr if terminal else _LineWriter(),
            dynamic_ncols=terminal,
            bar_format="{percentage:3.0f}%" + (" |{bar}| " if terminal else " ") + FORMAT,
            unit=f" {unit}",
            unit_scale=total >= 1000,
            mininterval=0,
            miniters=0,
            delay=1e-9,  # show nothing before the first update
        )

    def update(self, steps_done: int, note: Callable[[], str]) -> None:
        """Update the progress bar; cheap enough to be called at every step.

        Args:
            steps_done: steps taken so far, ``initial`` included.
            note: returns a text to show after the progress; called only when it is shown.
        """
        self._now = (steps_done, note)
        if time.monotonic() >= self._due:
            self._bar.update(self._describe() - self._bar.n)
            self._due = time.monotonic() + self._seconds

    def say(self, line: str) -> None:
        """Print a line above the progress bar."""
        if not self._bar.disable:
            self._bar.write(line)

    def close(self) -> None:
        """Show the final state and end the line."""
        self._bar.n = self._describe()
        self._bar.close()

    def _describe(self) -> int:
        """Set the text of the bar and return the number of steps to show."""
        steps_done, note = self._now
        self._bar.set_postfix_str(note(), refresh=False)
        # The last step of a vector of environments may exceed the total.
        return min(steps_done, self._total)


class _LineWriter(io.TextIOBase):
    """Writes each update of the bar to a new line, for outputs that cannot overwrite lines."""

    _last = ""

    def write(self, text: str) -> int:
        line = text.strip()
        if line and line != self._last:
            print(line, file=sys.stderr, flush=True)
            self._last = line
        return len(text)
