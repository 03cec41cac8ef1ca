"""The conformance suites of trainers and estimators: requirements that every class must meet.

::

    from agentlab.testing.learners import check_estimator, check_trainer

    check_trainer(MyTrainer, "numbers")
    check_estimator(MyEstimator, "points")

or with one test per check::

    CASE = LearnerCase(MyTrainer, "numbers")

    @pytest.mark.parametrize("check", trainer_checks())
    def test_my_trainer(check):
        check(CASE)
"""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import numpy as np

from agentlab.errors import AgentlabError
from agentlab.testing.conformance import (
    Check,
    check_config,
    differing,
    logged_rows,
    refusal,
    require,
    run_checks,
)
from agentlab.testing.examples import Examples
from agentlab.testing.learner_case import LearnerCase


def check_trainer(trainer: Any, examples: str | Examples, config: Any = None) -> None:
    """Run all checks on a trainer class; see ``LearnerCase`` for the arguments.

    Raises:
        AssertionError: if checks fail, with one sentence per failed check.
    """
    run_checks(trainer_checks(), LearnerCase(trainer, examples, config))


def check_estimator(estimator: Any, examples: str | Examples, config: Any = None) -> None:
    """Run all checks on an estimator class; see ``LearnerCase`` for the arguments.

    Raises:
        AssertionError: if checks fail, with one sentence per failed check.
    """
    run_checks(estimator_checks(), LearnerCase(estimator, examples, config))


def estimator_checks() -> list[Check[LearnerCase]]:
    """Return the checks, each a function of a ``LearnerCase`` that raises ``AssertionError``."""
    return [
        check_configuration,
        check_not_fitted,
        check_learned_attributes,
        check_data_unchanged,
        check_score,
        check_predictions,
        check_wrong_shape,
        check_save_and_load,
        check_inference_model,
        check_second_fit,
    ]


def trainer_checks() -> list[Check[LearnerCase]]:
    """Return the checks, each a function of a ``LearnerCase`` that raises ``AssertionError``."""
    return [
        *estimator_checks(),
        check_seeded_repeat,
        check_run_changes_nothing,
        check_resume,
        check_batches,
    ]


def check_configuration(case: LearnerCase) -> None:
    """The configuration can be converted to JSON and back; each option has a help text."""
    check_config(case.cls, case.config)


def check_not_fitted(case: LearnerCase) -> None:
    """Predicting before ``fit`` raises an error that mentions ``fit``."""
    message = refusal(lambda: case.apply(case.make()), "predicting before fit")
    named = "fit" in message
    require(named, f"the error for predicting before fit does not mention fit: {message!r}")


def check_learned_attributes(case: LearnerCase) -> None:
    """Names of an estimator's fitted attributes end in an underscore."""
    if case.cls.kind == "estimator":
        learned = [name for name in vars(case.fitted) if name.endswith("_")]
        require(learned, "fit sets no attribute whose name ends in an underscore")


def check_data_unchanged(case: LearnerCase) -> None:
    """``fit`` and ``predict`` do not modify their arguments."""
    before = copy.deepcopy((case.data.train, case.data.inputs))
    case.apply(case.fitted)
    given = (*case.data.train, case.data.inputs)
    for array, was in zip(given, (*before[0], before[1]), strict=True):
        require(
            np.array_equal(np.asarray(array), np.asarray(was)),
            "fit or predict modifies its data in place",
        )


def check_score(case: LearnerCase) -> None:
    """``score`` returns a finite float, the same in every call."""
    scores = [case.fitted.score(*case.data.test) for _ in range(2)]
    is_number = isinstance(scores[0], float) and math.isfinite(scores[0])
    require(is_number, f"score returns {scores[0]!r}, which is not a finite float")
    require(scores[0] == scores[1], f"score returns {scores[0]}, then {scores[1]}")


def check_predictions(case: LearnerCase) -> None:
    """Two calls of ``predict`` return the same."""
    first, second = case.apply(case.fitted), case.apply(case.fitted)
    require(_same(first, second), "two calls of predict return different predictions")


def check_wrong_shape(case: LearnerCase) -> None:
    """Inputs of another shape raise an error of one line."""
    if case.data.wrong is not None:
        refusal(lambda: case.apply(case.fitted, case.data.wrong), "inputs of another shape")


def check_save_and_load(case: LearnerCase) -> None:
    """A loaded learner has the same state, predictions and score, bit for bit."""
    learner, folder = case.fitted, case.folder / "saved"
    learner.save(folder)
    loaded = case.cls.load(folder)
    require(loaded.config == learner.config, "a loaded learner has another configuration")
    same_seed = loaded.seed == learner.seed
    require(same_seed, f"a loaded learner has seed={loaded.seed}, not {learner.seed}")
    same = getattr(loaded, "history", None) == getattr(learner, "history", None)
    require(same, "a loaded learner has another history")
    if case.cls.kind == "estimator":  # save leaves out the optimizer of a trainer
        changed = differing(learner.state(), loaded.state())
        require(not changed, f"a loaded learner and the saved one differ in {changed}")
    same = _same(case.apply(learner), case.apply(loaded))
    require(same, "a loaded learner returns other predictions")
    scores = learner.score(*case.data.test), loaded.score(*case.data.test)
    require(scores[0] == scores[1], f"a loaded learner scores {scores[1]}, not {scores[0]}")


def check_inference_model(case: LearnerCase) -> None:
    """The exported model returns the learner's predictions for raw inputs."""
    try:
        model = case.fitted.inference_model()
    except AgentlabError:
        return  # it has no network
    data = case.data
    outputs = model(data.inputs if data.exported is None else data.exported)
    require(isinstance(outputs, dict), "inference_model must return a dictionary of tensors")
    if "codes" in outputs:
        close = np.allclose(outputs["codes"], case.fitted.encode(data.inputs), atol=1e-4)
        require(close, "inference_model and encode return different codes")
    if not {"classes", "predictions"} & set(outputs):
        return
    expected = np.asarray(case.apply(case.fitted))
    if "classes" in outputs:
        given = np.asarray(case.fitted.classes)[np.asarray(outputs["classes"])]
        same = np.array_equal(given, expected)
        require(same, "inference_model and predict return different classes")
    else:
        given = np.asarray(outputs["predictions"]).reshape(expected.shape)
        close = np.allclose(given, expected, rtol=1e-4, atol=1e-4)
        require(close, "inference_model and predict return different predictions")


def check_second_fit(case: LearnerCase) -> None:
    """A second ``fit`` discards the first, and gives the same result as a single one."""
    is_trainer = case.cls.kind == "trainer"
    learner = case.first_epoch[0] if is_trainer else case.fit(case.make())
    require(isinstance(learner, case.cls), "fit must return self")
    options = {"quiet": True} if is_trainer else {}
    require(case.fit(learner, **options) is learner, "fit must return self")
    same = _same(case.apply(learner), case.apply(case.fitted))
    require(same, "a second fit gives another result than a single one")


def check_seeded_repeat(case: LearnerCase) -> None:
    """Equal seeds give equal metrics, byte for byte."""
    rows, whole = case.first_epoch[2], logged_rows(case.whole[1])
    require(rows, "nothing was logged")
    require(rows == whole[: len(rows)], "two trainings with the same seed log different metrics")


def check_run_changes_nothing(case: LearnerCase) -> None:
    """A run and a read-only callback do not affect training."""
    changed = differing(case.fitted.state(), case.whole[0].state())
    require(not changed, f"training with and without a run and a callback differs in {changed}")
    same = case.fitted.history == case.whole[0].history
    require(same, "training with and without a run and a callback differs in history")


def check_resume(case: LearnerCase) -> None:
    """A run interrupted between epochs and within one ends like an uninterrupted one."""
    (whole, run), (resumed, interrupted) = case.whole, case.resumed
    changed = differing(whole.state(), resumed.state())
    require(not changed, f"a resumed run and an uninterrupted one differ in {changed}")
    metrics = [(r.path / "metrics.csv").read_bytes() for r in (run, interrupted)]
    require(metrics[0] == metrics[1], "a resumed run and an uninterrupted one log other metrics")
    same = whole.history == resumed.history
    require(same, "a resumed run and an uninterrupted one differ in history")


def check_batches(case: LearnerCase) -> None:
    """Fitting on ``Batches`` gives the same score as fitting on arrays."""
    if case.data.batches is None:
        return
    config = case.config
    if hasattr(config, "standardize"):  # applies to arrays only; Batches are not standardized
        config = dataclasses.replace(config, standardize=False)
    options: dict[str, Any] = {"validation_data": case.data.test, "quiet": True}
    arrays, streamed = (case.cls(config=config, seed=3) for _ in range(2))
    arrays.fit(*case.data.train, **options)
    streamed.fit(case.data.batches(), **options)
    scores = [learner.score(*case.data.test) for learner in (arrays, streamed)]
    close = math.isclose(*scores, rel_tol=1e-3, abs_tol=1e-6)
    require(close, f"the score is {scores[0]} after fit on arrays, but {scores[1]} on Batches")


def _same(one: Any, other: Any) -> bool:
    """Return whether two predictions are equal bit for bit."""
    first, second = np.asarray(one), np.asarray(other)
    return bool(first.dtype == second.dtype) and first.tobytes() == second.tobytes()
