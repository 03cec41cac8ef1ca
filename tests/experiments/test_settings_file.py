"""Settings from a YAML or JSON file, in agentlab's names or those of the RL Zoo."""

import json

import pytest

from agentlab.errors import AgentlabError
from agentlab.experiments import AgentPlan
from agentlab.experiments.settings_file import read_settings

# As in hyperparams/ppo.yml of RL Baselines3 Zoo.
PPO = """
CartPole-v1:
  n_envs: 8
  n_timesteps: !!float 1e5
  policy: 'MlpPolicy'
  n_steps: 32
  batch_size: 256
  gae_lambda: 0.8
  gamma: 0.98
  n_epochs: 20
  ent_coef: 0.0
  learning_rate: lin_0.001
  clip_range: lin_0.2
HalfCheetah-v4:
  normalize: "{'norm_obs': True, 'norm_reward': False}"
  n_timesteps: 1e6
  policy: MlpPolicy
  batch_size: 64
  n_steps: 512
  learning_rate: 2.0633e-05
  policy_kwargs: "dict(
                    log_std_init=-2,
                    ortho_init=False,
                    activation_fn=nn.ReLU,
                    net_arch=dict(pi=[256, 256], vf=[256, 256])
                  )"
atari:
  env_wrapper:
    - stable_baselines3.common.atari_wrappers.AtariWrapper
  frame_stack: 4
  policy: CnnPolicy
  n_envs: 8
  n_steps: 128
  batch_size: 256
"""


@pytest.fixture
def settings(tmp_path):
    def read(text, *arguments, **named):
        path = tmp_path / "settings.yml"
        path.write_text(text)
        return read_settings(path, *arguments, **named)

    return read


def test_an_entry_of_the_zoo_is_read_under_its_own_names(settings):
    found = settings(PPO, "CartPole-v1", "ppo")
    assert found.values == {
        "n_envs": 8,
        "steps": 100_000,
        "rollout_length": 32,
        "n_minibatches": 1,
        "gae_lambda": 0.8,
        "gamma": 0.98,
        "n_epochs": 20,
        "ent_coef": 0.0,
        "learning_rate": 0.001,
        "decay_steps": 100_000,
        "clip_range": 0.2,
        "decay_clip_range": True,
        "normalize_returns": False,
    }
    assert not found.left_out


def test_networks_and_normalization_of_the_zoo_are_read(settings):
    found = settings(PPO, "HalfCheetah-v4", "ppo")
    assert found.left_out == {"ortho_init": False}
    expected = {
        "hidden": [256, 256],
        "activation": "relu",
        "log_std_init": -2.0,
        "normalize_observations": True,
        "normalize_returns": False,
        "n_minibatches": 8,
        "n_envs": 1,
    }
    assert found.values.items() >= expected.items()


def test_atari_games_share_an_entry(settings):
    values = settings(PPO, "ALE/Pong-v5", "ppo").values
    assert values.items() >= {"frame_stack": 4, "resize": 84, "net": "nature_cnn"}.items()


def test_an_off_policy_entry_counts_steps_one_by_one(settings):
    text = """
n_timesteps: 20000
policy: MlpPolicy
n_envs: 4
train_freq: 8
gradient_steps: -1
learning_starts: 0
ent_coef: auto_0.1
learning_rate: !!float 7.3e-4
use_sde: True
"""
    found = settings(text, "Pendulum-v1", "sac")
    assert found.left_out == {}
    values = found.values
    assert (values["use_sde"], values["sde_sample_freq"]) == (True, 8)  # when a rollout starts
    assert (values["train_freq"], values["gradient_steps"]) == (32, 32)
    assert (values["ent_coef"], values["ent_coef_start"]) == ("auto", 0.1)
    assert values["learning_starts"] == 256  # a minibatch


def test_state_dependent_noise_and_wider_critics_of_the_zoo_are_kept(settings):
    text = """
n_steps: 8
use_sde: True
policy_kwargs: "dict(log_std_init=-2, ortho_init=False, net_arch=[dict(pi=[64], vf=[64])])"
"""
    found = settings(text, "Pendulum-v1", "a2c")
    expected = {"use_sde": True, "sde_sample_freq": 8, "log_std_init": -2, "hidden": [64]}
    assert found.values.items() >= expected.items()
    assert found.left_out.keys() == {"ortho_init"}
    text = 'policy_kwargs: "dict(net_arch=dict(pi=[256, 256], qf=[1024, 1024]))"'
    values = settings(text, "Pendulum-v1", "sac").values
    assert (values["hidden"], values["critic_hidden"]) == ([256, 256], [1024, 1024])


def test_dqn_explores_for_a_fraction_of_the_steps(settings):
    text = "n_timesteps: 5e4\nexploration_fraction: 0.16\nexploration_final_eps: 0.04\n"
    values = settings(text, "CartPole-v1", "dqn").values
    assert (values["epsilon_steps"], values["epsilon_end"]) == (8_000, 0.04)


def test_config_json_gives_the_same_plan(settings):
    plan = AgentPlan.make("CartPole-v1", "ppo", steps=500, hidden=(32,), frame_skip=2, seed=3)
    found = settings(json.dumps(plan.to_json() | {"versions": {}}))
    again = AgentPlan.make(found.env, found.algo, "none", **found.values)
    assert {**again.to_json(), "preset": plan.preset} == plan.to_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", "NAME: VALUE"),
        ("a: [", "not YAML or JSON"),
        ("algo: ppo\ngama: 0.9", "no setting 'gama'; did you mean 'gamma'"),
        ("algo: ppo\ngamma: high", "gamma 'high' is not a number"),
        ("algo: os:system\nsteps: 3", "code from outside agentlab"),
        ("algo: ppo\nwrapper: [os:Path]", "code from outside agentlab"),
        ("steps: 3", "algo is missing"),
        ("algo: ppo\npolicy_kwargs: dict(net_arch=[open('x')])", "policy_kwargs"),
        ("algo: ppo\nn_steps: many\nbatch_size: 3", "not an entry of RL Baselines3 Zoo"),
        ("algo: ppo\nx: !!python/object/apply:os.getcwd []", "not YAML or JSON"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(settings, text, message):
    with pytest.raises(AgentlabError, match=message):
        settings(text)


def test_an_entry_of_another_version_is_used_and_named(settings):
    found = settings(PPO, "HalfCheetah-v5", "ppo")
    assert found.entry == "HalfCheetah-v4"
    assert found.values == settings(PPO, "HalfCheetah-v4", "ppo").values
    assert settings(PPO, "HalfCheetah-v4", "ppo").entry is None


def test_a_missing_entry_names_those_that_exist(settings):
    with pytest.raises(AgentlabError, match="no entry for env='Pendulum-v1'; it has CartPole-v1"):
        settings(PPO, "Pendulum-v1", "ppo")
