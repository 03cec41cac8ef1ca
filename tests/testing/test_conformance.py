"""The conformance suites detect faults and report each in one sentence."""

from dataclasses import dataclass

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from agentlab import Agent, option
from agentlab.config import Options
from agentlab.errors import AgentlabError
from agentlab.estimator import Estimator
from agentlab.testing import agents, learners
from agentlab.testing.agent_case import AgentCase
from agentlab.testing.learner_case import LearnerCase


@dataclass(frozen=True)
class Config(Options):
    gamma: float = option(0.9, "discount factor", ge=0, le=1)


class Tabular(Agent):
    """An agent with nothing wrong in it."""

    Config = Config
    observation_spaces = action_spaces = (Discrete,)

    def build(self):
        self.q = np.zeros((self.observation_space.n, self.action_space.n))

    def act(self, observations, explore=True):
        random = self.rng.integers(self.action_space.n, size=len(observations))
        greedy = self.q[observations].argmax(1)
        return np.where(explore & (self.rng.random(len(random)) < 0.5), random, greedy)

    def observe(self, step):
        future = self.config.gamma * self.q[step.true_next_observations].max(1)
        taken = (step.observations, step.actions)
        errors = step.rewards + ~step.terminated * future - self.q[taken]
        np.add.at(self.q, taken, 0.1 * errors)
        return {"loss": float(np.square(errors).mean())}

    def state(self):
        return {"q": self.q}

    def restore(self, state):
        self.q = state["q"].copy()


class ActsInColumns(Tabular):
    def act(self, observations, explore=True):
        return super().act(observations, explore)[:, None]


class ActsOutside(Tabular):
    def act(self, observations, explore=True):
        return super().act(observations, explore) + 1


class ChangesObservations(Tabular):
    def act(self, observations, explore=True):
        actions = super().act(observations, explore)
        observations[:] = 0
        return actions


class DrawsFromElsewhere(Tabular):
    generator = np.random.default_rng()

    def act(self, observations, explore=True):
        return self.generator.integers(self.action_space.n, size=len(observations))


class Forgets(Tabular):
    def state(self):
        return {}

    def restore(self, state):
        pass


class TakesAnySpace(Tabular):
    def __init__(self, observation_space, action_space, *arguments, **options):
        super().__init__(Discrete(2), Discrete(2), *arguments)

    def build(self):
        self.q = np.zeros((2, 2))


class ReportsNothingFinite(Tabular):
    def observe(self, step):
        return {"loss": float("nan")}


class EndsAtTruncation(Tabular):
    def observe(self, step):
        step.terminated = step.terminated | step.truncated
        return super().observe(step)


class SharesItsPolicy(Tabular):
    def policy_state(self):
        return self.state()


def test_a_correct_agent_passes():
    agents.check_agent(Tabular)


@pytest.mark.parametrize(
    ("broken", "check", "says"),
    [
        (ActsInColumns, "check_actions", r"has shape \(3, 1\), not \(3,\)"),
        (ActsOutside, "check_actions", r"which is not in Discrete\(2\)"),
        (ChangesObservations, "check_actions", "act modifies its observations"),
        (DrawsFromElsewhere, "check_greedy_actions", "with the same seed give other actions"),
        (DrawsFromElsewhere, "check_seeded_repeat", "same seed log different metrics"),
        (Forgets, "check_policy_state", "chooses other actions"),
        (
            TakesAnySpace,
            "check_refuses_other_spaces",
            "must raise AgentlabError, but raises nothing",
        ),
        (ReportsNothingFinite, "check_number_of_environments", "observe returns loss=nan"),
        (EndsAtTruncation, "check_truncation", "treats truncated episodes like terminated"),
        (SharesItsPolicy, "check_policy_state", "must be a copy, but shares q"),
    ],
)
def test_each_fault_of_an_agent_is_found(broken, check, says):
    with pytest.raises(AssertionError, match=says):
        getattr(agents, check)(AgentCase(broken))


def test_all_failed_checks_are_reported_together():
    with pytest.raises(AssertionError, match="ActsOutside fails") as caught:
        agents.check_agent(ActsOutside)
    assert "check_actions: act(observations, explore=True) returns" in str(caught.value)


class Means(Estimator):
    """An estimator with nothing wrong in it."""

    def fit(self, x, y):
        x, y = np.asarray(x), np.asarray(y)
        self.classes_ = sorted(set(y.tolist()))
        self.means_ = np.stack([x[y == label].mean(axis=0) for label in self.classes_])
        return self

    def predict(self, x):
        self.check_fitted()
        if np.shape(x)[1:] != self.means_.shape[1:]:
            raise AgentlabError(f"x has the shape {np.shape(x)}")
        distances = np.square(np.asarray(x)[:, None] - self.means_).sum(axis=2)
        return np.array(self.classes_)[distances.argmin(axis=1)]

    def score(self, x, y):
        return float(np.mean(self.predict(x) == np.asarray(y)))

    def state(self):
        return {"classes": self.classes_, "means": self.means_}

    def restore(self, state):
        self.classes_, self.means_ = state["classes"], state["means"]


class ReturnsNothing(Means):
    def fit(self, x, y):
        super().fit(x, y)


class PredictsBeforeFit(Means):
    def predict(self, x):
        return np.zeros(len(x))


class BreaksBeforeFit(Means):
    def check_fitted(self):
        pass


class TakesAnyShape(Means):
    def predict(self, x):
        self.check_fitted()
        return np.zeros(len(x))


class CentersInPlace(Means):
    def fit(self, x, y):
        x -= x.mean(axis=0)
        return super().fit(x, y)


class Guesses(Means):
    generator = np.random.default_rng()

    def predict(self, x):
        self.check_fitted()
        return self.generator.random(len(x))


class LosesItsMeans(Means):
    def restore(self, state):
        self.classes_, self.means_ = state["classes"], np.zeros_like(state["means"])


class AddsUp(Means):
    def fit(self, x, y):
        before = getattr(self, "means_", 0)
        super().fit(x, y)
        self.means_ = before - self.means_
        return self


def test_a_correct_estimator_passes():
    learners.check_estimator(Means, "classes")


@pytest.mark.parametrize(
    ("broken", "check", "says"),
    [
        (ReturnsNothing, "check_second_fit", "fit must return self"),
        (PredictsBeforeFit, "check_not_fitted", "must raise AgentlabError, but raises nothing"),
        (BreaksBeforeFit, "check_not_fitted", "but raises AttributeError"),
        (TakesAnyShape, "check_wrong_shape", "inputs of another shape must raise AgentlabError"),
        (CentersInPlace, "check_data_unchanged", "fit or predict modifies its data"),
        (Guesses, "check_predictions", "two calls of predict return different"),
        (
            LosesItsMeans,
            "check_save_and_load",
            "a loaded learner and the saved one differ in means",
        ),
        (AddsUp, "check_second_fit", "a second fit gives another result"),
    ],
)
def test_each_fault_of_an_estimator_is_found(broken, check, says):
    with pytest.raises(AssertionError, match=says):
        getattr(learners, check)(LearnerCase(broken, "classes"))
