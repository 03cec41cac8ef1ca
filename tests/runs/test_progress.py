"""The progress line, on a terminal and elsewhere."""

import sys

import pytest

from agentlab.runs import Progress


class Terminal:
    """A stream that says it is a terminal, and remembers what it was sent."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_updated_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = Progress(1000, initial=200)
    progress.update(300, lambda: "no episodes")
    progress.update(1010, lambda: "12 episodes, mean return 3.46")
    progress.close()
    assert terminal.text.count("\n") == 1
    last = terminal.text.split("\r")[-1]
    assert "100%" in last and "of 1.00k steps" in last and "steps/s" in last
    assert "12 episodes, mean return 3.46" in last and "left" in last
    assert "no episodes" in terminal.text


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
