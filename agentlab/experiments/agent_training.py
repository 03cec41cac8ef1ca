"""The training of an agent's run, and what follows it: evaluation, plots and a video."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentlab.agents import agent_class
from agentlab.agents.agent import Agent
from agentlab.agents.eval_callback import EvalCallback
from agentlab.agents.evaluation import EVALUATION, evaluate
from agentlab.agents.initialization import init_from
from agentlab.agents.loop import train
from agentlab.agents.recording import record
from agentlab.envs import VectorEnv
from agentlab.errors import AgentlabError
from agentlab.experiments.agent_result import AgentResult, write_evaluation
from agentlab.experiments.plan import Report
from agentlab.runs import Run, derive_seed
from agentlab.training.callbacks import Callback

if TYPE_CHECKING:
    from agentlab.experiments.agent_run import AgentPlan


@dataclass(frozen=True)
class AgentTraining:
    """Trains an agent according to its plan.

    Attributes:
        plan: the settings.
        envs: the environments to train in.
        agent: the new agent.
    """

    plan: AgentPlan
    envs: VectorEnv
    agent: Agent

    def __call__(self, run: Run, report: Report, callbacks: Sequence[Callback]) -> AgentResult:
        """Train, save, plot, evaluate and record a video."""
        from agentlab.plots.curves import plot_returns

        training = self.plan.training
        if training.init_from is not None and not run.checkpoints.folders():
            init_from(self.agent, training.init_from)
        with ExitStack() as stack:
            if training.eval_every:
                callbacks = [self._evaluating(stack, report), *callbacks]
            result = train(
                self.agent,
                self.envs,
                training.steps,
                run=run,
                seed=training.seed,
                log_every=training.log_every,
                checkpoint_every=training.checkpoint_every,
                callbacks=callbacks,
            )
        path = run.place()
        best = path / "best" if (path / "best").is_dir() else None
        if result.interrupted:
            return AgentResult(path, True, None, result.steps, None, best)
        saved = run.save_learner("learner", self.agent.write)
        report("agent", saved)
        if best is not None:
            report("best agent", best)
        played, seed = None, derive_seed(training.seed, EVALUATION)
        if training.eval_episodes:
            episodes, limit = training.eval_episodes, training.eval_steps
            played = evaluate(
                self.agent, self.envs, episodes, seed=seed, max_steps=limit, quiet=False
            )
            report("evaluation", write_evaluation(played, run.place() / "evaluation.json"))
        try:
            report("plot", plot_returns(run.place()))
        except AgentlabError as error:  # no episode was completed
            report("plot", f"none: {error}")
        if summary := self.agent.summary():
            report("summary", summary)
        if training.video:
            report("video", self._record_video(run.place() / saved.name, run, result.steps, seed))
        path = run.place()
        best = best and path / "best"
        return AgentResult(path, False, path / saved.name, result.steps, played, best)

    def _evaluating(self, stack: ExitStack, report: Report) -> EvalCallback:
        """Create the callback that evaluates during training, in separate environments."""
        training = self.plan.training
        envs = self.plan.make_envs(min(training.n_envs, training.eval_episodes))
        return EvalCallback(
            stack.enter_context(envs),
            training.eval_every,
            training.eval_episodes,
            seed=training.seed,
            stop_at_return=training.stop_at_return,
            max_steps=training.eval_steps,
            report=report,
            quiet=False,
        )

    def _record_video(self, saved: Path, run: Run, step: int, seed: int) -> Path | str:
        """Record a video; on failure return the reason, since training has succeeded."""
        path, limit = run.path / "videos" / "episode.mp4", self.plan.training.eval_steps
        try:
            with self.plan.make_envs(1, render=True) as screen:
                agent = agent_class(self.plan.algo).load(saved, num_envs=1)
                last = record(agent, screen, path, seed=seed, max_steps=limit)
            run.image("episode/end", step, last)
            return path
        except Exception as error:  # rendering without a display can raise anything
            return f"none: {' '.join(str(error).split())}"
