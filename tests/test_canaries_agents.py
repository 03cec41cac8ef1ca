"""Extensions of agents by the public API alone, each documented in docs/."""

import importlib.util
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import agentlab
from agentlab.runs import Run
from agentlab.testing.conformance import differing
from agentlab.testing.envs import Sign
from agentlab.training.callbacks import Callback

EXAMPLE = Path(__file__).parents[1] / "examples" / "sac.py"
SMALL = {
    "pg": {"hidden": (32,), "rollout_length": 16},
    "dqn": {"hidden": (32,), "buffer_size": 400, "learning_starts": 32, "batch_size": 16},
}


def sac():
    spec = importlib.util.spec_from_file_location("sac", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["sac"] = module  # its dataclass looks its own module up
    spec.loader.exec_module(module)
    return module.SAC


def trained(algo, steps=600, env="CartPole-v1", **options):
    envs = agentlab.make_envs(env, 2)
    agent = agentlab.make_agent(algo, envs, seed=1, **{**SMALL.get(algo, {}), **options})
    agentlab.train(agent, envs, steps, quiet=True)
    return agent, envs


# Several networks and optimizers in one agent


def test_an_agent_of_three_networks_and_optimizers_has_at_most_ninety_lines_of_code():
    lines = EXAMPLE.read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 90


def test_an_agent_of_three_networks_and_optimizers_learns():
    envs = agentlab.make_envs(lambda: Sign(continuous=True), 4)
    agent = agentlab.make_agent(sac(), envs)
    agentlab.train(agent, envs, 6000, quiet=True)
    assert agentlab.evaluate(agent, envs, 20).mean > 8  # of 10; a random action gets 5


def test_an_agent_of_three_networks_and_optimizers_resumes_bit_for_bit(tmp_path):
    cls = sac()

    def train(name, steps):
        envs = agentlab.make_envs(lambda: Sign(continuous=True), 2)
        agent = agentlab.make_agent(cls, envs, batch_size=16)
        exists = (tmp_path / name).exists()
        with Run.open(tmp_path / name) if exists else Run.create(tmp_path, name, {}) as run:
            agentlab.train(
                agent, envs, steps, run=run, log_every=50, checkpoint_every=100, quiet=True
            )
        return agent

    whole = train("whole", 400)
    train("resumed", 200)
    resumed = train("resumed", 400)
    assert not differing(whole.state(), resumed.state())
    assert whole.rng.bit_generator.state == resumed.rng.bit_generator.state
    metrics = [(tmp_path / name / "metrics.csv").read_bytes() for name in ("whole", "resumed")]
    assert metrics[0] == metrics[1]


# Acting in another process

WORKER = """
import json, pickle, sys
import numpy as np
import agentlab

with open(sys.argv[1], "rb") as file:
    actor, weights = pickle.load(file)
actor.set_weights(weights)
envs = agentlab.make_envs("CartPole-v1", 3)
observations, chosen = envs.reset(seed=7), []
for _ in range(30):
    outputs = actor(observations)
    outputs = outputs[0] if isinstance(outputs, tuple) else outputs.mean(axis=2)
    actions = outputs.argmax(axis=1)
    observations = envs.step(actions).next_observations
    chosen.append(actions.tolist())
assert "tensorflow" not in sys.modules, "acting in NumPy imports TensorFlow"
print(json.dumps(chosen))
"""


@pytest.mark.parametrize("algo", ["pg", "dqn"])
def test_an_actor_steps_environments_in_a_process_without_tensorflow(algo, tmp_path):
    options = {**SMALL[algo], "hidden": (8,)}
    agent, _ = trained(algo, **options)
    envs = agentlab.make_envs("CartPole-v1", 3)
    other = agentlab.make_agent(algo, envs, seed=2, **options)
    parcel = tmp_path / "actor.pickle"
    parcel.write_bytes(pickle.dumps((other.actor, agent.policy_state())))
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(parcel)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    observations, expected = envs.reset(seed=7), []
    for _ in range(30):
        actions = agent.act(observations, explore=False)
        observations = envs.step(actions).next_observations
        expected.append(actions.tolist())
    assert json.loads(done.stdout) == expected
    assert len({action for row in expected for action in row}) == 2  # it does not only go left


# Code of one's own in the loop


def test_a_callback_stops_a_run_and_everything_is_saved(tmp_path):
    class StopAfter(Callback):
        def __init__(self, steps):
            self.steps, self.calls = steps, []

        def on_start(self, learner, run):
            self.calls.append("start")

        def on_metrics(self, step, metrics):
            self.stop_training = step >= self.steps
            self.calls.append(step)

        def on_checkpoint(self, path):
            self.calls.append(path.name)

        def on_end(self):
            self.calls.append("end")

    envs, callback = agentlab.make_envs("CartPole-v1", 2), StopAfter(100)
    agent = agentlab.make_agent("random", envs)
    with Run.create(tmp_path, "run", {}) as run:
        result = agentlab.train(
            agent, envs, 10_000, run=run, log_every=50, callbacks=[callback], quiet=True
        )
        saved = run.latest_checkpoint()
    assert 100 <= result.steps <= 102 and not result.interrupted
    assert callback.calls[:3] == ["start", 50, 100] and callback.calls[-1] == "end"
    assert "000001" in callback.calls
    assert saved.step == result.steps


# A network to export


@pytest.mark.parametrize("algo", ["pg", "dqn"])
@pytest.mark.parametrize("env", ["CartPole-v1", "FrozenLake-v1"])
def test_the_exported_model_acts_on_raw_observations_as_the_agent_does(algo, env):
    agent, envs = trained(algo, steps=40, env=env)
    space = envs.observation_space
    space.seed(3)
    observations = np.stack([space.sample() for _ in range(100)])
    if observations.dtype == np.float32:
        observations = observations.clip(-3, 3)
    outputs = agent.inference_model()(observations)
    assert "actions" in outputs
    given = np.asarray(outputs["actions"])
    np.testing.assert_array_equal(given, agent.act(observations, explore=False))
    assert len(set(given.tolist())) > 1


def test_the_exported_model_of_a_continuous_policy_keeps_within_the_bounds():
    agent, _ = trained("pg", env="Pendulum-v1")
    observations = np.random.default_rng(0).normal(0, 3, (20, 3)).astype(np.float32)
    given = np.asarray(agent.inference_model()(observations)["actions"])
    np.testing.assert_allclose(given, agent.act(observations, explore=False), atol=1e-5)
    assert (np.abs(given) <= 2).all()
