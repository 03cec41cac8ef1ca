"""The training loop of all agents."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from agentlab.agents.agent import Agent
from agentlab.agents.evaluation import choose_actions
from agentlab.agents.monitoring import show_network, show_observation
from agentlab.agents.saving import check_state, replay_episodes, restore_training, write_training
from agentlab.agents.statistics import Episodes, Means, Timer
from agentlab.agents.train_result import TrainResult
from agentlab.bounds import check_counts
from agentlab.envs import EnvFailure, VectorEnv
from agentlab.envs.vector import check_vector
from agentlab.errors import AgentlabError
from agentlab.runs import Hung, Progress, Run, Stop, derive_seed, stop_signals
from agentlab.runs.aside import tell
from agentlab.training.callbacks import Callback, Callbacks
from agentlab.training.update import phase_of

CHECKPOINT_SECONDS = 300.0  # at most this long between checkpoints, which do not affect training


def train(
    agent: Agent,
    envs: VectorEnv,
    steps: int,
    *,
    run: Run | None = None,
    seed: int = 0,
    log_every: int = 10_000,
    checkpoint_every: int = 500_000,
    callbacks: Sequence[Callback] = (),
    quiet: bool = False,
) -> TrainResult:
    """Train ``agent`` in ``envs`` for ``steps`` steps, counted over all environments.

    If ``run`` holds a checkpoint, training resumes from it: the agent's state is restored and the
    unfinished episodes are replayed. Every later metric is bit-for-bit equal to that of an
    uninterrupted run, however the checkpoints are spaced. If episodes cannot be replayed
    (``envs.repeatable`` is false), a checkpoint resets the environments, and is saved at most once
    in 20 episodes' worth of steps.

    Args:
        agent: the agent to train.
        envs: the environments; as many as the agent was made for.
        steps: total number of steps, including those before a resume.
        run: the run that stores metrics and checkpoints; ``None`` saves nothing.
        seed: seeds the environments.
        log_every: steps between rows of ``metrics.csv``.
        checkpoint_every: steps between checkpoints, which are also saved every 5 minutes if
            episodes can be replayed.
        callbacks: called at fixed points of training; see ``Callback``. If one sets
            ``stop_training``, training saves a checkpoint and ends after the current step.
        quiet: show no progress bar.

    Raises:
        AgentlabError: if a loss or a weight becomes NaN or infinite (the last checkpoint remains),
            or if the agent's state holds values that cannot be saved.
        EnvFailure: if an environment raises an exception or returns invalid values; what was
            learned is saved before.
    """
    check_counts(steps=steps, log_every=log_every, checkpoint_every=checkpoint_every)
    check_vector(envs, agent.num_envs)
    loop = _Loop(agent, envs, run, seed, Callbacks(callbacks))
    loop.resume()
    # On small matrix products, synchronizing BLAS threads costs more than it saves.
    with threadpool_limits(1, "blas"), stop_signals() as stop:
        progress = Progress(steps, loop.steps, quiet, phase=lambda: phase_of(agent))
        progress.update(loop.steps, loop.episodes.describe)
        loop.stop = stop
        try:
            loop.callbacks.on_start(agent, run)
            if loop.callbacks_due:
                loop.call_back()
                loop.checkpoint()
            while not loop.ended(steps, stop):
                loop.step()
                if loop.untried:
                    loop.untried = False
                    check_state(agent)
                if loop.passed(log_every):
                    loop.log()
                if loop.callbacks:
                    loop.call_back()
                if loop.checkpoint_is_due(checkpoint_every) and not loop.ended(steps, stop):
                    loop.checkpoint()
                progress.update(loop.steps, loop.episodes.describe)
            if loop.complete(steps) and loop.steps > loop.logged:
                loop.log()
            if loop.steps > loop.saved:  # equal if the resumed run was already complete
                loop.checkpoint()
            agent.on_train_end()
        except EnvFailure as failure:
            raise EnvFailure(f"{failure}{loop.rescue()}") from failure
        except KeyboardInterrupt as error:
            if stop.is_set() and not isinstance(error, Hung):
                raise  # the second signal
            hung = "hangs: it did not return from step() after the signal"
            why = hung if stop.is_set() else "raised KeyboardInterrupt"
            tell(f"env={envs.id!r} {why}{loop.rescue()}")
        finally:
            progress.close()
            loop.callbacks.on_end()
    interrupted = not loop.complete(steps) or loop.callbacks_due
    return TrainResult(loop.steps, loop.episodes.count, interrupted, loop.episodes.mean_return)


class _Loop:
    """A training step, a row of metrics, a checkpoint, and the counters that they share."""

    def __init__(
        self, agent: Agent, envs: VectorEnv, run: Run | None, seed: int, callbacks: Callbacks
    ) -> None:
        self.agent, self.envs, self.run, self.seed = agent, envs, run, seed
        self.callbacks = callbacks
        self.steps = self.saved = self.logged = 0  # so far, at the latest checkpoint and row
        self.number = 0  # of the latest checkpoint
        self.due = False  # whether a checkpoint is due
        self.failed = False  # whether an environment failed or hung, so that its episodes are lost
        self.callbacks_due = False  # whether the callbacks of the last step have not finished
        self.stop = Stop()
        self.untried = run is not None  # whether to check that the agent's state can be saved
        self.saved_at = time.monotonic()  # of the latest checkpoint, in seconds
        self.observations: Any = None  # the current observations
        self.episodes = Episodes(envs.num_envs, None if run is None else run.path)
        self.means, self.timer = Means(), Timer()

    def resume(self) -> None:
        """Restore the run's latest checkpoint, or start training if there is none."""
        checkpoint = None if self.run is None else self.run.resume()
        if checkpoint is None:
            self.agent.on_train_start()
            self.episodes.rewind(0)
            self.reset()
            show_network(self.run, self.agent)
            show_observation(self.run, 0, self.envs.observation_space, self.observations)
            return
        restore_training(checkpoint.path, self.agent)
        self.steps = self.saved = checkpoint.step
        self.number, state = checkpoint.number, checkpoint.state
        self.callbacks_due = bool(state.get("callbacks_due"))
        try:
            self.logged, self.timer.seconds = int(state["logged"]), float(state["seconds"])
            self.episodes.restore(state)
            self.means.restore(state["means"])
            self.restore_envs(checkpoint.path)
        except (LookupError, TypeError, ValueError, AttributeError, SystemError) as error:
            raise AgentlabError(f"checkpoint {checkpoint.path} is damaged: {error!r}") from error
        self.timer.start(self.steps)

    def restore_envs(self, folder: Path) -> None:
        """Replay the unfinished episodes, or begin new ones if that is impossible."""
        lost = replay_episodes(self.envs, folder)
        if lost is None:
            self.reset()
            return
        self.observations = self.envs.observations
        if lost.any():
            self.episodes.begin(lost)
            self.agent.on_episodes_cut(lost)

    def ended(self, steps: int, stop: Event) -> bool:
        """Return whether training is over, or interrupted by a signal."""
        return self.complete(steps) or stop.is_set()

    def complete(self, steps: int) -> bool:
        """Return whether training is over."""
        return self.steps >= steps or self.agent.finished or self.callbacks.stopped

    def passed(self, every: int) -> bool:
        """Return whether the last step reached or passed a multiple of ``every``."""
        return self.steps % every < self.envs.num_envs

    def checkpoint_is_due(self, every: int) -> bool:
        """Return whether to save a checkpoint now."""
        self.due = self.due or self.passed(every)
        if self.envs.repeatable:
            return self.due or time.monotonic() - self.saved_at >= CHECKPOINT_SECONDS
        if not self.due:
            return False
        length = self.episodes.mean_length  # NaN before an episode has ended
        return self.steps - self.saved >= 20 * length * self.envs.num_envs

    def reset(self) -> None:
        """Reset all environments."""
        everywhere = np.ones(self.envs.num_envs, np.bool_)
        self.timer.start(self.steps)
        self.episodes.begin(everywhere)
        self.agent.on_episodes_cut(everywhere)
        self.observations = self.envs.reset(derive_seed(self.seed, self.number))

    def step(self) -> None:
        """Step all environments, and learn."""
        clock = time.perf_counter
        start = clock()
        actions, extras = choose_actions(self.agent, self.observations)
        acted = clock()
        self.stop.interruptible = True
        step = self.envs.step(actions)
        self.stop.interruptible = False
        step.extras = extras
        stepped = clock()
        metrics = self.agent.observe(step)
        if len(step.ended):
            self.agent.reset(step.terminated | step.truncated)
        spent = {"act": acted - start, "env": stepped - acted, "observe": clock() - stepped}
        self.timer.add(spent)
        self.steps += self.envs.num_envs
        self.episodes.add(step, self.steps)
        if metrics:
            self.add(metrics)
        self.observations = step.next_observations

    def call_back(self) -> None:
        """Call the callbacks after a step; they are interrupted if they delay a signal too long."""
        self.callbacks_due = self.stop.interruptible = True
        with self.timer.paused():
            try:
                self.callbacks.on_step(self.steps)
                self.callbacks_due = False
            except Hung:
                tell("interrupted; a resumed run begins with the evaluation that was not finished")
            finally:
                self.stop.interruptible = False

    def add(self, metrics: Mapping[str, float]) -> None:
        """Add metrics that the agent returned to the means."""
        try:
            self.means.add(metrics)
        except ValueError as error:
            raise self.diverged(str(error)) from None

    def diverged(self, what: str) -> AgentlabError:
        """Return the error for a loss or weight that is NaN or infinite."""
        saved = self.run and self.run.latest_checkpoint()
        last = f"the last good checkpoint is {saved.path}" if saved else "no checkpoint was saved"
        return AgentlabError(
            f"training diverged at step {self.steps}: {what}; {last}; try a smaller learning_rate"
        )

    def log(self) -> None:
        """Write a row of metrics: episode statistics and the means of the agent's metrics."""
        means = self.means.take()
        timings = {name: means.pop(name) for name in list(means) if name.startswith("time/")}
        timings |= self.timer.take(self.steps)
        metrics = {**self.episodes.metrics(), **means}
        self.logged = self.steps
        if self.run is not None:
            self.run.log(self.steps, metrics, timings)
            self.due |= self.run.checkpoints.lost
        with self.timer.paused():
            self.callbacks.on_metrics(self.steps, metrics)

    def checkpoint(self) -> None:
        """Save everything needed to resume."""
        histograms = self.agent.histograms()
        for name, array in histograms.items():
            if not np.isfinite(array).all():
                raise self.diverged(f"{name} holds values that are not finite")
        self.saved, self.due, self.saved_at = self.steps, False, time.monotonic()
        if self.run is None:
            return
        self.number += 1
        self.run.histograms(self.steps, histograms)
        show_observation(self.run, self.steps, self.envs.observation_space, self.observations)
        state = {
            **self.episodes.state(),
            "means": self.means.state(),
            "logged": self.logged,
            "seconds": self.timer.total,
            "callbacks_due": self.callbacks_due,
        }
        write = partial(write_training, agent=self.agent, envs=None if self.failed else self.envs)
        path = self.run.save_checkpoint(self.number, self.steps, write, state)
        self.callbacks.on_checkpoint(path)
        if not self.envs.repeatable and not self.failed:
            self.reset()

    def rescue(self) -> str:
        """Save what was learned before an environment failed, and return a text that says so."""
        self.stop.interruptible, self.failed = False, not self.callbacks_due
        if self.run is None or self.steps == 0:
            return ""
        try:
            if self.steps > self.saved:
                self.checkpoint()
        except AgentlabError as error:
            return f"; what was learned could not be saved: {error}"
        saved = f"what was learned in {self.steps:,} steps is saved"
        return f"; {saved}, and the run {str(self.run.path)!r} can be resumed"
