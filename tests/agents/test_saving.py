"""What training saves besides its planned checkpoints, and what it restores when resumed."""

import json
import signal
from dataclasses import dataclass

import numpy as np
import pytest

import agentlab
from agentlab import Agent, AgentlabError, Callback, option
from agentlab.agents import loop
from agentlab.runs import Run
from agentlab.runs.files import sha256_of_json


@dataclass(frozen=True)
class Config:
    step_size: float = option(0.5, "a number")


class Counting(Agent):
    """Has a state with everything that a user might put into one."""

    Config = Config

    def build(self):
        self.kept = {
            "count": np.int64(0),
            "rate": np.float32(0.1),
            "visits": {0: 1, (1, 2): [np.float32(0.3)]},
            "file": np.zeros(2),
            3: "three",
        }

    def act(self, observations, explore=True):
        return self.rng.integers(2, size=len(observations))

    def observe(self, step):
        self.kept["count"] += 1
        self.kept["rate"] *= np.float32(0.999)
        self.kept["visits"][int(self.kept["count"])] = float(step.rewards.sum())

    def state(self):
        return self.kept

    def restore(self, state):
        self.kept = state


def trained(folder, steps, agent_class=Counting, callbacks=(), envs=None, **options):
    """Return the agent after training in the run in ``folder``, which is created if missing."""
    run = Run.open(folder) if folder.exists() else Run.create(folder.parent, folder.name, {})
    with run, envs or agentlab.make_envs("CartPole-v1", 2) as envs:
        agent = agent_class(envs.observation_space, envs.action_space, 2, Config(), 0)
        options = {"log_every": 10, "checkpoint_every": 10**9, **options}
        agentlab.train(
            agent, envs, steps, run=run, callbacks=callbacks, quiet=True, seed=1, **options
        )
    return agent


def shown(agent):
    return sorted(map(repr, agent.kept.items()))


def numbers(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_numpy_scalars_and_keys_of_any_type_are_restored(tmp_path):
    whole = trained(tmp_path / "whole", 100)
    trained(tmp_path / "parts", 40)
    parts = trained(tmp_path / "parts", 100)
    assert shown(parts) == shown(whole)
    assert type(parts.kept["rate"]) is np.float32 and type(parts.kept["count"]) is np.int64


def test_a_state_that_cannot_be_saved_is_refused_at_the_first_step(tmp_path):
    class Unsavable(Counting):
        steps = 0

        def observe(self, step):
            self.steps += 1
            self.kept["visits"][(0, 0)] = {"seen": {1, 2}}

    with pytest.raises(AgentlabError) as caught:
        trained(tmp_path / "run", 100, Unsavable)
    told = str(caught.value)
    assert told.startswith("the agent cannot be saved: state['visits'][(0, 0)]['seen'] is a set")
    assert "NumPy arrays" in told


def test_checkpoints_are_also_saved_by_time_and_do_not_change_the_training(tmp_path, monkeypatch):
    whole = trained(tmp_path / "whole", 40)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    often = trained(tmp_path / "often", 40)
    assert numbers(tmp_path / "whole") == ["000001"]
    assert numbers(tmp_path / "often")[-1] == "000020"
    assert shown(often) == shown(whole)
    metrics = [(tmp_path / name / "metrics.csv").read_bytes() for name in ("whole", "often")]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [50, 60, 200])
def test_signals_do_not_change_the_training(tmp_path, number, step):
    class Signal(Callback):
        def on_step(self, now):
            if now == step:
                signal.raise_signal(number)

    whole = trained(tmp_path / "whole", 200)
    stopped = trained(tmp_path / "stopped", 200, callbacks=[Signal()])
    assert stopped.kept["count"] == step // 2
    resumed = trained(tmp_path / "stopped", 200)
    assert shown(resumed) == shown(whole)
    metrics = [(tmp_path / name / "metrics.csv").read_bytes() for name in ("whole", "stopped")]
    assert metrics[0] == metrics[1]


def test_a_run_is_not_resumed_in_other_spaces(tmp_path):
    trained(tmp_path / "run", 20)
    with pytest.raises(AgentlabError) as caught:
        trained(tmp_path / "run", 40, envs=agentlab.make_envs("MountainCar-v0", 2))
    told = str(caught.value)
    assert told.startswith("the environment's observation_space is Box([-1.2")
    assert "but the run was started with Box([-4.8" in told


def test_a_deleted_checkpoint_is_replaced_at_once(tmp_path):
    class Delete(Callback):
        def on_step(self, step):
            if step == 24:
                (tmp_path / "run" / "checkpoints").rename(tmp_path / "elsewhere")

    options = {"checkpoint_every": 20, "callbacks": [Delete()]}
    trained(tmp_path / "run", 34, **options)
    assert numbers(tmp_path / "run") == ["000002", "000003"]  # at 30, when it was logged, and 34


@pytest.mark.parametrize(
    "changes", [{"means": "x"}, {"means": {"loss": 3}}, {"logged": None}, {"seconds": []}]
)
def test_forged_training_states_are_refused(tmp_path, changes):
    trained(tmp_path / "run", 20)
    path = tmp_path / "run" / "checkpoints" / "000001" / "state.json"
    content = json.loads(path.read_text())
    del content["sha256"]
    content["state"] |= changes
    path.write_text(json.dumps({"sha256": sha256_of_json(content), **content}))
    with pytest.raises(AgentlabError, match="000001 is damaged"):
        trained(tmp_path / "run", 40)
