import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.agents.agent import Agent
from agentlab.agents.statistics import WINDOW
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.testing.envs import Clock, Sign


class Recorder(Agent):
    """Keeps every step that it is shown."""

    name = "recorder"

    def build(self):
        self.steps, self.cuts, self.ends = [], [], 0

    def act(self, observations, explore=True):
        return np.zeros(len(observations), np.int64)

    def observe(self, step):
        self.steps.append(step)

    def on_episodes_cut(self, envs):
        self.cuts.append(envs.tolist())

    def on_train_end(self):
        self.ends += 1


def recorded(env, steps=8, n=2, **options):
    envs = agentlab.make_envs(env, n)
    agent = agentlab.make_agent(Recorder, envs)
    result = agentlab.train(agent, envs, steps, quiet=True, **options)
    return agent, result


@pytest.mark.parametrize("truncate", [False, True])
def test_an_agent_sees_the_true_end_and_never_a_reset(truncate):
    agent, _ = recorded(lambda: Clock(3, truncate))
    seen = [step.observations[0, 0] for step in agent.steps]
    following = [step.true_next_observations[0, 0] for step in agent.steps]
    assert seen == [0, 1, 2, 0]
    assert following == [1, 2, 3, 1]  # the end at 3 is never replaced by the reset's 0
    third = agent.steps[2]
    assert third.next_observations[:, 0].tolist() == [0, 0]
    assert third.final_observations[:, 0].tolist() == [3, 3]
    assert third.truncated.tolist() == [truncate] * 2
    assert third.terminated.tolist() == [not truncate] * 2


def test_every_step_begins_where_the_one_before_led():
    agent, _ = recorded(Sign, steps=60)
    for before, after in zip(agent.steps, agent.steps[1:], strict=False):
        np.testing.assert_array_equal(before.next_observations, after.observations)


def test_the_result_counts_steps_episodes_and_returns():
    _, result = recorded(lambda: Clock(3), steps=14)
    assert (result.steps, result.episodes, result.interrupted) == (14, 4, False)
    assert result.mean_return == 3


def test_rewards_are_reported_unclipped():
    envs = agentlab.make_envs(
        lambda: Clock(3, reward=5.0), 2, preprocessing=agentlab.Preprocessing(clip_rewards=True)
    )
    agent = agentlab.make_agent(Recorder, envs)
    result = agentlab.train(agent, envs, 12, quiet=True)
    assert result.mean_return == 15
    assert agent.steps[0].rewards.tolist() == [1, 1]


def test_a_checkpoint_changes_nothing_for_the_agent(tmp_path):
    agent, _ = recorded(
        lambda: Clock(100), steps=16, checkpoint_every=8, run=Run.create(tmp_path, "run", {})
    )
    assert agent.cuts == [[True, True]]  # at the start alone
    assert agent.ends == 1
    assert [step.observations[0, 0] for step in agent.steps] == list(range(8))


def test_what_act_returns_beside_actions_reaches_observe():
    class Valuing(Recorder):
        def act(self, observations, explore=True):
            return super().act(observations, explore), {"values": observations[:, 0] + 10}

    envs = agentlab.make_envs(Clock, 2)
    agent = agentlab.make_agent(Valuing, envs)
    agentlab.train(agent, envs, 4, quiet=True)
    assert [step.extras["values"].tolist() for step in agent.steps] == [[10, 10], [11, 11]]
    assert len(agentlab.evaluate(agent, envs, 2).returns) == 2
    assert recorded(Clock)[0].steps[0].extras == {}


class Watcher(agentlab.Callback):
    """Keeps what it is called with."""

    def __init__(self, stop_at=None):
        self.calls, self.stop_at = [], stop_at

    def on_start(self, learner, run):
        self.calls.append(("start", learner.name, run.path.name))

    def on_step(self, step):
        self.stop_training = step == self.stop_at

    def on_metrics(self, step, metrics):
        self.calls.append(("metrics", step, metrics["return/mean"]))

    def on_checkpoint(self, path):
        self.calls.append(("checkpoint", path.name))

    def on_end(self):
        self.calls.append(("end",))


def test_callbacks_are_called_in_order_and_change_no_number(tmp_path):
    watcher = Watcher()
    for name, callbacks in (("plain", ()), ("watched", [watcher])):
        run = Run.create(tmp_path, name, {})
        recorded(Sign, 40, run=run, log_every=20, checkpoint_every=20, callbacks=callbacks, seed=3)
    assert [call[:2] for call in watcher.calls] == [
        ("start", "recorder"),
        ("metrics", 20),
        ("checkpoint", "000001"),
        ("metrics", 40),
        ("checkpoint", "000002"),
        ("end",),
    ]
    plain, watched = ((tmp_path / n / "metrics.csv").read_bytes() for n in ("plain", "watched"))
    assert plain == watched


def test_a_callback_ends_a_training_with_everything_saved(tmp_path):
    run = Run.create(tmp_path, "run", {})
    _, result = recorded(lambda: Clock(3), 100, run=run, callbacks=[Watcher(stop_at=12)])
    assert (result.steps, result.interrupted) == (12, False)
    assert run.latest_checkpoint().step == 12
    assert (run.latest_checkpoint().path / "learner" / "learner.json").exists()
    assert (run.path / "metrics.csv").read_text().splitlines()[-1].startswith("12,")


def test_callbacks_end_also_where_the_training_fails():
    class Broken(Recorder):
        def observe(self, step):
            return {"loss": float("nan")}

    watcher = Watcher()
    watcher.on_start = lambda learner, run: None
    envs = agentlab.make_envs(Clock, 2)
    with pytest.raises(AgentlabError, match="training diverged at step 2: loss is nan"):
        agentlab.train(agentlab.make_agent(Broken, envs), envs, 9, callbacks=[watcher], quiet=True)
    assert watcher.calls == [("end",)]


def test_training_ends_early_when_the_agent_has_finished():
    class Quitter(Recorder):
        def observe(self, step):
            self.finished = True

    envs = agentlab.make_envs(Clock, 2)
    assert agentlab.train(agentlab.make_agent(Quitter, envs), envs, 100, quiet=True).steps == 2


def test_a_run_is_logged_at_every_multiple_and_at_the_end(tmp_path):
    recorded(lambda: Clock(3), steps=30, log_every=10, run=Run.create(tmp_path, "run", {}))
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    steps = [line.split(",")[0] for line in lines]
    assert steps == ["step", "10", "20", "30"]
    assert "return/mean" in lines[0]


def test_evaluation_plays_the_same_number_of_episodes_everywhere():
    # One environment in two has episodes ten times as long: the first to end are the short ones.
    lengths = iter([2, 20])
    envs = agentlab.make_envs(lambda: Clock(next(lengths)), 2)
    agent = agentlab.make_agent(Recorder, envs)
    played = agentlab.evaluate(agent, envs, 7)
    assert sorted(played.lengths.tolist()) == [2] * 4 + [20] * 3
    assert played.mean == pytest.approx((2 * 4 + 20 * 3) / 7)
    assert agent.steps == []


def test_evaluation_repeats_under_its_seed():
    envs = agentlab.make_envs(Sign, 3)
    agent = agentlab.make_agent("random", envs)
    state = agent.rng.bit_generator.state
    first = agentlab.evaluate(agent, envs, 9, seed=4)
    agent.rng.bit_generator.state = state
    second = agentlab.evaluate(agent, envs, 9, seed=4)
    np.testing.assert_array_equal(first.returns, second.returns)


@pytest.mark.parametrize("option", ["steps", "log_every", "checkpoint_every"])
def test_bad_counts_are_refused_by_name(option):
    with pytest.raises(AgentlabError, match=f"{option}=0 must be 1 or more"):
        recorded(Clock, **{option: 0})


def test_an_agent_for_another_number_of_environments_is_refused():
    agent = agentlab.make_agent(Recorder, agentlab.make_envs(Clock, 2))
    with pytest.raises(AgentlabError, match="made for 2 environments, but envs has 3"):
        agentlab.train(agent, agentlab.make_envs(Clock, 3), 10)


def test_the_running_mean_is_over_the_last_hundred_episodes():
    assert WINDOW == 100
    rewards = iter([0.0] * 10 + [1.0] * 1000)

    class Rising(Clock):
        def step(self, action):
            observation, _, *rest = super().step(action)
            return observation, next(rewards), *rest

    _, result = recorded(lambda: Rising(1), steps=110, n=1)
    assert result.mean_return == 1


def test_random_actions_come_from_the_whole_action_space():
    class Anything(Clock):
        action_space = spaces.Discrete(3, start=-1)

    envs = agentlab.make_envs(Anything, 50)
    agent = agentlab.make_agent("random", envs)
    assert set(agent.act(envs.reset(0))) == {-1, 0, 1}

    class Box(Clock):
        action_space = spaces.Box(-2, 2, (3,))

    envs = agentlab.make_envs(Box, 5)
    actions = agentlab.make_agent("random", envs).act(envs.reset(0))
    assert actions.shape == (5, 3)
    assert np.unique(actions).size == 15


@pytest.mark.parametrize("shape", [(12, 10, 2), (12, 10), (12, 10, 3)])
def test_tensorboard_shows_the_network_and_what_the_agent_sees(tmp_path, shape):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    class Screen(Sign):
        def __init__(self):
            super().__init__()
            self.observation_space = spaces.Box(0, 1, shape, np.float32)

        def observe(self):
            return np.full(shape, super().observe()[0] > 0, np.float32)

    envs = agentlab.make_envs(Screen, 2)
    agent = agentlab.make_agent("pg", envs, hidden=(4,), rollout_length=8)
    with agentlab.Run.create(tmp_path, "run", {}) as run:
        agentlab.train(agent, envs, 64, run=run, checkpoint_every=32, quiet=True)
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    images = events.Images("rollout/observation")
    assert [image.step for image in images] == [0, 32, 64]
    width = 20 if shape == (12, 10, 2) else 10  # two frames side by side
    assert (images[0].height, images[0].width) == (12, width)
    assert not any("gradient" in node.name.lower() for node in events.Graph().node)


def test_only_images_are_shown(tmp_path):
    from agentlab.envs.rendering import observation_image

    for space in (
        spaces.Discrete(3),
        spaces.Box(-1, 1, (4,)),
        spaces.Box(-np.inf, np.inf, (20, 20)),
        spaces.Box(0, 1, (3, 3)),
    ):
        assert observation_image(space, space.sample()) is None
