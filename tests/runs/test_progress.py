"""The progress line, on a terminal and elsewhere."""

import sys

import pytest

from agentlab.runs import Progress


class Terminal:
    """A stream that says it is a terminal, and remembers what it was sent."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""
        self.seconds = 0.0

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr a terminal of 80 columns, and let the clock stand still.

    Not a fixture, since pytest replaces stderr after them.
    """
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("agentlab.runs.progress.time.monotonic", lambda: terminal.seconds)
    return terminal


def test_a_terminal_shows_one_line_updated_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    progress = Progress(1000, initial=200)
    progress.update(300, lambda: "no episodes")
    terminal.seconds += 5
    progress.update(550, lambda: "mean return 3.46, 12 episodes")
    last = terminal.text.split("\r")[-1].rstrip()
    assert last == " 55% 550 of 1.00k steps, 50 steps/s, mean return 3.46, 12 episodes, 00:09 left"
    progress.update(1010, lambda: "mean return 3.5, 13 episodes")
    progress.close()
    assert terminal.text.count("\n") == 1
    assert "no episodes" in terminal.text
    assert "100% 1.00k of 1.00k steps, 140 steps/s" in terminal.text.split("\r")[-1]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal_and_80_columns_hold_the_time_left(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    terminal = on_a_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(columns))
    progress = Progress(200_000_000)
    for seconds in range(0, 50, 10):
        terminal.seconds = float(seconds)
        progress.update(12_345 * seconds, lambda: "mean return -1.23e+04, 1,234,567 episodes")
    progress.close()
    lines = [line.rstrip() for line in terminal.text.split("\r")]
    assert max(map(len, lines)) < columns
    if columns >= 80:
        for part in ("of 200M steps, ", "12.3k steps/s", "mean return -1.23e+04", "4:29:20 left"):
            assert part in lines[-1], part
    assert ("|#" in lines[-1] or "|-" in lines[-1]) == (columns == 200)
    assert ("episodes" in lines[-1]) == (columns >= 100)


def test_the_time_left_is_not_estimated_while_compiling_or_from_that_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = on_a_terminal(monkeypatch)
    phase = ["collecting"]
    progress = Progress(10_000, phase=lambda: phase[0])
    for seconds, steps, now in (
        (0, 0, "collecting"),
        (5, 5000, "compiling"),
        (20, 5001, ""),
        (30, 5101, ""),
    ):
        terminal.seconds, phase[0] = float(seconds), now
        progress.update(steps, str)
    text = terminal.text
    progress.close()
    shown = [line.strip() for line in text.split("\r") if line.strip()]
    assert shown == [
        "0% 0.00 of 10.0k steps, collecting",
        "50% 5.00k of 10.0k steps, compiling",
        "50% 5.00k of 10.0k steps",
        "51% 5.10k of 10.0k steps, 10 steps/s, 08:09 left",
    ]


def test_a_transient_line_is_removed_and_leaves_nothing_in_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = on_a_terminal(monkeypatch)
    for seconds in (0, 1):
        terminal.seconds = float(seconds)
        progress = Progress(10, unit="episodes", transient=True)
        progress.update(1, str)
        terminal.seconds += 1.0
        progress.update(2, lambda: "step 30")
        progress.close()
    assert "step 30" in terminal.text and "\n" not in terminal.text
    assert terminal.text.split("\r")[-1].strip() == ""
    monkeypatch.undo()
    progress = Progress(10, unit="episodes", transient=True)
    progress.update(1, str)
    progress.close()
    assert capsys.readouterr().err == ""


def test_a_log_file_gets_few_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("agentlab.runs.progress.time.monotonic", lambda: float(next(clock)))
    progress = Progress(100)
    for step in range(1, 41):
        progress.update(step, str)
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert 3 <= len(lines) <= 6
    assert lines[0].strip().startswith("1%") and lines[-1].strip().startswith("40%")
    assert not any("\r" in line for line in lines)


def test_a_run_resumed_beyond_its_total_shows_100_percent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress(20, initial=35)
    progress.update(35, lambda: "done")
    progress.close()
    shown = capsys.readouterr().err
    assert "35 of 35 steps" in shown and "-" not in shown


def test_steps_may_have_another_name(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(100, unit="batches")
    progress.update(50, str)
    progress.close()
    assert "50 of 100 batches" in capsys.readouterr().err


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(100, quiet=True)
    progress.update(50, str)
    progress.close()
    assert capsys.readouterr().err == ""
