"""Evaluation during training, without affecting it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agentlab.agents.agent import Agent
from agentlab.agents.evaluation import EVAL_STEPS, EVALUATION, Evaluation, evaluate
from agentlab.bounds import check_counts
from agentlab.envs.vector import VectorEnv
from agentlab.errors import AgentlabError
from agentlab.learner import Learner
from agentlab.runs import Run, derive_seed
from agentlab.training.callbacks import Callback


class EvalCallback(Callback):
    """Evaluates an agent during training, saves the best one, and can stop training early.

    A copy of the agent acts in separate environments, so training results are the same with and
    without the callback. The seed of an evaluation depends only on ``seed`` and the number of
    the evaluation.

    ::

        callback = agentlab.EvalCallback(agentlab.make_envs("CartPole-v1", 4), every=10_000)
        agentlab.train(agent, envs, 100_000, callbacks=[callback])
        print(callback.evaluations[-1]["mean_return"])

    With a run, the results are written to its ``evaluations.csv`` and to TensorBoard, and the best
    agent is saved in its folder ``best/``.

    Attributes:
        evaluations: one row per evaluation: ``step``, ``mean_return``, ``std_return``,
            ``min_return``, ``max_return`` and ``mean_length``.

    Args:
        envs: the evaluation environments; any number, separate from the training environments.
        every: steps between evaluations.
        episodes: number of episodes per evaluation.
        seed: seeds the evaluations.
        stop_at_return: stop training once the mean return reaches this value.
        max_steps: truncate an episode that has not ended after this number of steps.
        report: called with ``"evaluation"`` and a line about each evaluation.
        quiet: show no progress bars.

    Raises:
        InvalidArgument: for ``every`` or ``episodes`` less than 1.
    """

    def __init__(
        self,
        envs: VectorEnv,
        every: int = 10_000,
        episodes: int = 100,
        *,
        seed: int = 0,
        stop_at_return: float | None = None,
        max_steps: int = EVAL_STEPS,
        report: Callable[[str, object], None] = lambda name, value: None,
        quiet: bool = True,
    ) -> None:
        check_counts(every=every, episodes=episodes, max_steps=max_steps)
        self.envs, self.every, self.episodes, self.seed = envs, every, episodes, seed
        self.stop_at_return, self.report = stop_at_return, report
        self.max_steps, self.quiet = max_steps, quiet
        self.evaluations: list[dict[str, float]] = []

    @property
    def best(self) -> float:
        """The highest mean return so far; ``-inf`` before the first evaluation."""
        return max((row["mean_return"] for row in self.evaluations), default=-np.inf)

    def on_start(self, learner: Learner, run: Run | None) -> None:
        """Copy the agent, and read the earlier evaluations of a resumed run."""
        if not isinstance(learner, Agent):
            raise AgentlabError(f"EvalCallback needs an agent, not a {learner.kind}")
        self._agent, self._run = learner, run
        self._copy = learner.evaluation_copy(self.envs.num_envs, self.seed)
        self.evaluations = [] if run is None else run.evaluations()
        if run is not None and any("mean_return" not in row for row in self.evaluations):
            raise AgentlabError(
                f"{run.path / 'evaluations.csv'} is damaged: a row lacks mean_return"
            )
        self._stop_where_reached()

    def on_step(self, step: int) -> None:
        """Evaluate if the step reached or passed a multiple of ``every``."""
        if step % self.every < self._agent.num_envs:
            self.evaluate(step)

    def evaluate(self, step: int) -> Evaluation:
        """Evaluate the agent in its current state, and record the result under ``step``."""
        seed = derive_seed(self.seed, EVALUATION, step // self.every)
        self._copy.restore_policy(self._agent.policy_state())
        self._copy.rng.bit_generator.state = np.random.default_rng(seed).bit_generator.state
        played = evaluate(
            self._copy,
            self.envs,
            self.episodes,
            seed=seed,
            max_steps=self.max_steps,
            quiet=self.quiet,
        )
        results = played.metrics()
        better = results["mean_return"] > self.best
        self.evaluations.append({"step": step, **results})
        if self._run is not None:
            if better:
                self._run.save_learner("best", self._copy.write)
            self._run.log_evaluation(step, results)
        mean, std = results["mean_return"], results["std_return"]
        best = ", the best so far" if better else ""
        self.report(
            "evaluation",
            f"step {step:,}: mean return {mean:.4g} (std {std:.4g}){best}{played.cut_note()}",
        )
        self._stop_where_reached()
        return played

    def _stop_where_reached(self) -> None:
        if self.evaluations and self.stop_at_return is not None:
            self.stop_training = self.evaluations[-1]["mean_return"] >= self.stop_at_return
