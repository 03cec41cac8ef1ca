"""Learning in a thread of its own: one piece at a time, its result taken once."""

import threading

import pytest

from agentlab.training.background import BackgroundLearner


def test_learning_runs_in_a_thread_of_its_own_and_its_result_is_taken_once():
    learner = BackgroundLearner("toy")
    assert learner.finish() is None and not learner.busy
    learner.start(lambda a, b: (a + b, threading.current_thread().name), 2, 3)
    assert learner.busy
    total, thread = learner.finish()
    assert total == 5
    assert thread.startswith("toy-learner") and thread != threading.current_thread().name
    assert not learner.busy and learner.finish() is None


def test_the_starting_thread_goes_on_while_learning_is_under_way():
    learner, go_on = BackgroundLearner("toy"), threading.Event()
    learner.start(lambda: go_on.wait(10))
    assert learner.busy  # start did not wait
    go_on.set()
    assert learner.finish() is True


def test_a_result_that_was_not_taken_is_never_dropped():
    learner = BackgroundLearner("toy")
    learner.start(lambda: "first")
    with pytest.raises(RuntimeError, match="call finish.* to collect the last result"):
        learner.start(lambda: "second")
    assert learner.finish() == "first"


def test_what_learning_raises_reaches_the_thread_that_takes_its_result():
    learner = BackgroundLearner("toy")
    learner.start(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        learner.finish()
    assert not learner.busy
    learner.start(lambda: "again")
    assert learner.finish() == "again"
