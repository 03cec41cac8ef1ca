"""The conformance suites of trainers and estimators, to run on classes of your own.

::

    from agentlab.testing.learners import check_estimator, check_trainer

    check_trainer(MyTrainer, "numbers")
    check_estimator(MyEstimator, "points")

or as one test for each property::

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
    """Run all checks on a trainer's class; see ``LearnerCase`` for the arguments.

    Raises:
        AssertionError: with one sentence for each property that the trainer lacks.
    """
    run_checks(trainer_checks(), LearnerCase(trainer, examples, config))


def check_estimator(estimator: Any, examples: str | Examples, config: Any = None) -> None:
    """Run all checks on an estimator's class; see ``LearnerCase`` for the arguments.

    Raises:
        AssertionError: with one sentence for each property that the estimator lacks.
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
    """The configuration survives JSON, and each option has a help text."""
    check_config(case.cls, case.config)


def check_not_fitted(case: LearnerCase) -> None:
    """What has not been fitted says so in one sentence."""
    told = refusal(lambda: case.apply(case.make()), "predicting before fit")
    require("fit" in told, f"predicting before fit is refused without a word about fit: {told!r}")


def check_learned_attributes(case: LearnerCase) -> None:
    """What an estimator learned are attributes whose names end in an underscore."""
    if case.cls.kind == "estimator":
        learned = [name for name in vars(case.fitted) if name.endswith("_")]
        require(learned, "fit sets no attribute whose name ends in an underscore")


def check_data_unchanged(case: LearnerCase) -> None:
    """``fit`` and ``predict`` leave the arrays that they are given as they are."""
    before = copy.deepcopy((case.data.train, case.data.inputs))
    case.apply(case.fitted)
    given = (*case.data.train, case.data.inputs)
    for array, was in zip(given, (*before[0], before[1]), strict=True):
        require(
            np.array_equal(np.asarray(array), np.asarray(was)), "fit or predict changes its data"
        )


def check_score(case: LearnerCase) -> None:
    """``score`` is one finite number, the same each time."""
    scores = [case.fitted.score(*case.data.test) for _ in range(2)]
    is_number = isinstance(scores[0], float) and math.isfinite(scores[0])
    require(is_number, f"score gives {scores[0]!r}, which is no finite float")
    require(scores[0] == scores[1], f"score gives {scores[0]} and then {scores[1]}")


def check_predictions(case: LearnerCase) -> None:
    """Predicting twice gives the same."""
    first, second = case.apply(case.fitted), case.apply(case.fitted)
    require(_same(first, second), "predict gives something else the second time")


def check_wrong_shape(case: LearnerCase) -> None:
    """Inputs of another shape are refused in one sentence."""
    if case.data.wrong is not None:
        refusal(lambda: case.apply(case.fitted, case.data.wrong), "inputs of another shape")


def check_save_and_load(case: LearnerCase) -> None:
    """What was saved and loaded has the same state, predictions and score, bit for bit."""
    learner, folder = case.fitted, case.folder / "saved"
    learner.save(folder)
    loaded = case.cls.load(folder)
    require(loaded.config == learner.config, "load(save()) has another configuration")
    require(loaded.seed == learner.seed, f"load(save()) has seed={loaded.seed}")
    same = getattr(loaded, "history", None) == getattr(learner, "history", None)
    require(same, "load(save()) has another history")
    if case.cls.kind == "estimator":  # a saved trainer lacks its optimizer
        changed = differing(learner.state(), loaded.state())
        require(not changed, f"save and load change {changed}")
    require(_same(case.apply(learner), case.apply(loaded)), "load(save()) predicts something else")
    scores = learner.score(*case.data.test), loaded.score(*case.data.test)
    require(scores[0] == scores[1], f"load(save()) has the score {scores[1]}, not {scores[0]}")


def check_inference_model(case: LearnerCase) -> None:
    """The exported model gives the same for raw inputs."""
    try:
        model = case.fitted.inference_model()
    except AgentlabError:
        return  # it has no network
    data = case.data
    outputs = model(data.inputs if data.exported is None else data.exported)
    require(isinstance(outputs, dict), "inference_model must return a dictionary of tensors")
    if not {"classes", "predictions"} & set(outputs):
        return
    expected = np.asarray(case.apply(case.fitted))
    if "classes" in outputs:
        given = np.asarray(case.fitted.classes)[np.asarray(outputs["classes"])]
        require(np.array_equal(given, expected), "inference_model gives other classes than predict")
    else:
        given = np.asarray(outputs["predictions"]).reshape(expected.shape)
        close = np.allclose(given, expected, rtol=1e-4, atol=1e-4)
        require(close, "inference_model gives other predictions than predict")


def check_second_fit(case: LearnerCase) -> None:
    """A second ``fit`` begins anew, and ends as the first would have with the same seed."""
    is_trainer = case.cls.kind == "trainer"
    learner = case.first_epoch[0] if is_trainer else case.fit(case.make())
    require(isinstance(learner, case.cls), "fit must return self")
    options = {"quiet": True} if is_trainer else {}
    require(case.fit(learner, **options) is learner, "fit must return self")
    same = _same(case.apply(learner), case.apply(case.fitted))
    require(same, "a second fit does not begin anew")


def check_seeded_repeat(case: LearnerCase) -> None:
    """Equal seeds give equal metrics, byte for byte."""
    rows, whole = case.first_epoch[2], logged_rows(case.whole[1])
    require(rows, "nothing was logged")
    require(rows == whole[: len(rows)], "two trainings with the same seed log different metrics")


def check_run_changes_nothing(case: LearnerCase) -> None:
    """A run and a callback that only looks change nothing."""
    changed = differing(case.fitted.state(), case.whole[0].state())
    require(not changed, f"a training with a run and a callback differs in {changed}")
    same = case.fitted.history == case.whole[0].history
    require(same, "a training with a run and a callback has another history")


def check_resume(case: LearnerCase) -> None:
    """A run interrupted between epochs and within one ends as one that was never stopped."""
    (whole, run), (resumed, interrupted) = case.whole, case.resumed
    changed = differing(whole.state(), resumed.state())
    require(not changed, f"after a resume these differ from an unbroken run: {changed}")
    metrics = [(r.path / "metrics.csv").read_bytes() for r in (run, interrupted)]
    require(metrics[0] == metrics[1], "a resumed run logs other metrics than an unbroken one")
    require(whole.history == resumed.history, "after a resume the history is another")


def check_batches(case: LearnerCase) -> None:
    """``Batches`` are learned from as arrays are, with every option."""
    if case.data.batches is None:
        return
    config = case.config
    if hasattr(config, "standardize"):  # of arrays: what Batches hold is taken as it is
        config = dataclasses.replace(config, standardize=False)
    options: dict[str, Any] = {"validation_data": case.data.test, "quiet": True}
    arrays, streamed = (case.cls(config=config, seed=3) for _ in range(2))
    arrays.fit(*case.data.train, **options)
    streamed.fit(case.data.batches(), **options)
    scores = [learner.score(*case.data.test) for learner in (arrays, streamed)]
    close = math.isclose(*scores, rel_tol=1e-3, abs_tol=1e-6)
    require(close, f"fitted on arrays it scores {scores[0]}, but on the same Batches {scores[1]}")


def _same(one: Any, other: Any) -> bool:
    """Return whether two predictions are equal bit for bit."""
    first, second = np.asarray(one), np.asarray(other)
    return bool(first.dtype == second.dtype) and first.tobytes() == second.tobytes()
