"""Ctrl-C once asks, twice insists."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from agentlab.runs import stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_sets_the_event(number: int) -> None:
    with stop_signals() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(5)


def test_the_second_signal_raises() -> None:
    with pytest.raises(KeyboardInterrupt), stop_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(5)
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(5)
        raise AssertionError("nothing was raised")


def test_previous_signal_handlers_are_restored() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(ZeroDivisionError), stop_signals():
        assert [signal.getsignal(number) for number in numbers] != before
        _ = 1 / 0
    assert [signal.getsignal(number) for number in numbers] == before


def test_other_threads_do_not_handle_signals() -> None:
    before = signal.getsignal(signal.SIGINT)

    def within() -> bool:
        with stop_signals() as stop:
            return signal.getsignal(signal.SIGINT) is before and not stop.is_set()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(within).result()
