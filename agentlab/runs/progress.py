"""A progress line for training and evaluation."""

from __future__ import annotations

import io
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable

from tqdm import tqdm

WINDOW = 30.0  # seconds over which the speed is measured
SHORTEST = 1.0  # seconds before the time left is estimated
BAR, WIDE = 20, 110  # characters of the bar, and of a terminal that shows it
UP = "\x1b[A"  # moves the cursor of a terminal up


class Progress:
    """Shows steps, speed, remaining time and a note such as the mean return, on stderr.

    A terminal shows one line, no wider than itself, that is updated in place; a log file or a pipe
    gets a new line every ten seconds. Speed and time left are based on the last 30 seconds.

    Args:
        total: number of steps.
        initial: steps taken before the run was resumed; may exceed ``total``.
        quiet: whether to show nothing.
        unit: name of a step.
        phase: returns what is done before the speed can be measured, such as ``"compiling"``, and
            an empty string from then on.
        transient: whether the line is removed at the end, and left out of logs if it is short.
    """

    def __init__(
        self,
        total: int,
        initial: int = 0,
        quiet: bool = False,
        unit: str = "steps",
        phase: Callable[[], str] = str,
        transient: bool = False,
    ) -> None:
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._now: tuple[int, Callable[[], str]] = (initial, str)
        self._total = max(total, initial)
        self._unit, self._phase, self._transient = unit, phase, transient
        self._seconds = 0.2 if self._terminal else 10.0
        self._due = self._seconds + time.monotonic() if transient else 0.0
        self._marks: deque[tuple[float, int]] = deque()  # times and steps of the latest updates
        self._shown = False
        self._bar = tqdm(
            total=self._total,
            disable=quiet or sys.stderr is None,
            file=sys.stderr if self._terminal else _LineWriter(),
            bar_format="{desc}",
            mininterval=0,
            miniters=0,
            delay=1e-9,  # show nothing before the first update
            leave=not transient,
        )

    def update(self, steps_done: int, note: Callable[[], str]) -> None:
        """Update the progress line; cheap enough to be called at every step.

        Args:
            steps_done: steps taken so far, ``initial`` included.
            note: returns a text to show after the speed, whose last parts, separated by commas, are
                left out on a narrow terminal; called only when it is shown.
        """
        self._now = (steps_done, note)
        if time.monotonic() >= self._due:
            self._show()
            self._due = time.monotonic() + self._seconds

    def say(self, line: str) -> None:
        """Print a line above the progress line."""
        if not self._bar.disable:
            self._bar.write(line)

    def close(self) -> None:
        """Show the final state and end the line."""
        if self._shown and not self._transient:
            self._bar.set_description_str(self._describe(), refresh=False)
        self._bar.close()

    def _show(self) -> None:
        if self._bar.disable:
            return
        self._shown = True
        self._bar.set_description_str(self._describe(), refresh=False)
        self._bar.n = min(self._now[0], self._total)
        self._bar.refresh()

    def _describe(self) -> str:
        steps_done, note = self._now
        # The last step of a vector of environments may exceed the total.
        steps_done = min(steps_done, self._total)
        fraction = steps_done / self._total
        parts = [f"{fraction:4.0%} {self._count(steps_done)} of {self._count(self._total)}"]
        parts[0] += f" {self._unit}"
        left = ""
        if phase := self._phase():
            self._marks.clear()  # the next steps have another speed
            parts.append(phase)
        else:
            speed, seconds = self._speed(steps_done)
            scaled = tqdm.format_sizeof(speed) if speed >= 1000 else f"{speed:.3g}"
            parts += [f"{scaled} {self._unit}/s"] if speed else []
            if speed and seconds >= SHORTEST and steps_done < self._total:
                left = f"{tqdm.format_interval((self._total - steps_done) / speed)} left"
        width = _width() if self._terminal else None
        parts += [part for part in note().split(", ") if part]
        bar = width is not None and width >= WIDE
        line = _fitting(parts, left, width and width - bar * (BAR + 3))
        if bar:
            filled = round(fraction * BAR)
            line = f"{line[:4]} |{'#' * filled}{'-' * (BAR - filled)}|{line[4:]}"
        return line

    def _speed(self, steps_done: int) -> tuple[float, float]:
        """Return the speed in steps per second, and the seconds over which it was measured."""
        now = time.monotonic()
        self._marks.append((now, steps_done))
        while len(self._marks) > 2 and now - self._marks[1][0] >= WINDOW:
            self._marks.popleft()
        then, before = self._marks[0]
        return (steps_done - before) / max(now - then, 1e-9), now - then

    def _count(self, steps: int) -> str:
        scaled = self._total >= 1000
        return tqdm.format_sizeof(steps) if scaled else str(steps)


def _fitting(parts: list[str], left: str, width: int | None) -> str:
    """Join the parts and the time left, without the last parts if they would exceed ``width``."""
    while True:
        line = ", ".join([*parts, left] if left else parts)
        if width is None or len(line) <= width or len(parts) == 1:
            return line if width is None else line[:width]
        parts = parts[:-1]


def _width() -> int:
    """Return the width of the terminal, less one column, since some wrap a full line."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError, AttributeError):
        columns = 0
    return max((columns or shutil.get_terminal_size().columns) - 1, 1)


class _LineWriter(io.TextIOBase):
    """Writes each update of the line to a new line, for outputs that cannot overwrite lines."""

    _last = ""

    def write(self, text: str) -> int:
        line = text.replace(UP, "").strip()  # tqdm moves up from a second line
        if line and line != self._last:
            print(line, file=sys.stderr, flush=True)
            self._last = line
        return len(text)
