"""Agents that start from a torso that was trained before."""

import shutil

import keras
import numpy as np
import pytest

import agentlab
from agentlab.cli import main
from agentlab.data import Arrays
from agentlab.errors import AgentlabError
from agentlab.nets import make_torso
from agentlab.nets.headed import Headed
from agentlab.runs import Run, seed_everything
from agentlab.supervised import Classifier
from agentlab.testing.envs import Bars, Clock, Sign
from agentlab.unsupervised import Autoencoder

PG = {"net": "small_cnn", "rollout_length": 16, "n_minibatches": 2, "learning_rate": 0.003}
DQN = {"net": "small_cnn", "learning_starts": 64, "train_freq": 16, "batch_size": 16}


@pytest.fixture(scope="module")
def told_apart(tmp_path_factory):
    """A run of a classifier that tells bars on the left from bars on the right."""
    rng = np.random.default_rng(0)
    columns = rng.integers(36, size=400)
    x = np.zeros((400, 36, 36, 1), np.uint8)
    x[np.arange(400), :, columns] = 255
    run = Run.create(tmp_path_factory.mktemp("runs"), "bars", {})
    classifier = Classifier("small_cnn", epochs=2, batch_size=32)
    examples = Arrays(x, (columns >= 18).astype(np.int32))
    with run:
        classifier.fit(examples, classes=("left", "right"), run=run, quiet=True)
    classifier.save(run.path / "saved")
    return run.path


def make(algo="pg", env=lambda: Bars(high=255), **options):
    seed_everything(0)
    envs = agentlab.make_envs(env, 4)
    defaults = {"pg": PG, "dqn": DQN}[algo]
    return agentlab.make_agent(algo, envs, 0, **{**defaults, **options}), envs


def known(run):
    newest = run / "checkpoints" / sorted(p.name for p in (run / "checkpoints").iterdir())[-1]
    return keras.saving.load_model(newest / "learner" / "net.keras").torso.get_weights()


def same(torso, weights):
    return all((a == b).all() for a, b in zip(torso.get_weights(), weights, strict=True))


def test_a_dqn_starts_from_the_encoder_of_an_autoencoder(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (48, 36, 36, 1)).astype(np.uint8)
    encoder = Autoencoder("small_cnn", code_size=8, epochs=1).fit(x, quiet=True)
    encoder.save(tmp_path / "encoder")
    agent, _ = make("dqn", pretrained=str(tmp_path / "encoder"))
    agent.on_train_start()
    assert same(agent.net.torso, encoder.net.torso.get_weights())


@pytest.mark.parametrize("freeze", [True, False])
def test_a_policy_starts_from_what_a_classifier_saw_in_images(told_apart, freeze):
    agent, envs = make(pretrained=str(told_apart), freeze_pretrained=freeze)
    assert not same(agent.net.torso, known(told_apart))
    agent.on_train_start()
    assert same(agent.net.torso, known(told_apart))
    assert same(agent.net.value_torso, known(told_apart))
    observations = envs.reset(0)
    acted, _ = agent.actor(observations)
    np.testing.assert_allclose(acted, agent.net(observations)[0], rtol=1e-4, atol=1e-6)
    agentlab.train(agent, envs, 1600, quiet=True)
    assert agentlab.evaluate(agent, envs, 20).mean > 8
    assert same(agent.net.torso, known(told_apart)) == freeze
    # What was learned is not overwritten by training on.
    learned = agent.state()
    agent.on_train_start()
    assert all(np.array_equal(value, learned[name]) for name, value in agent.state().items())


def test_dqn_starts_with_both_its_nets(told_apart):
    agent, envs = make("dqn", pretrained=str(told_apart))
    agentlab.train(agent, envs, 4, quiet=True)
    assert same(agent.net.torso, known(told_apart))
    assert same(agent.target_net.torso, known(told_apart))
    observations = envs.reset(0)
    acted = agent.actor(observations, None)
    np.testing.assert_allclose(acted, agent.net(observations), rtol=1e-4, atol=1e-6)
    agentlab.train(agent, envs, 200, quiet=True)
    assert not same(agent.net.torso, known(told_apart))


def test_saved_trainers_bare_nets_and_other_agents_serve_too(told_apart, tmp_path):
    net = Headed(make_torso("small_cnn", (36, 36, 1), seed=7, name="seen"), 2)
    net.save(tmp_path / "net.keras")
    agent, envs = make(pretrained=str(tmp_path / "net.keras"))
    agent.on_train_start()
    assert same(agent.net.torso, net.torso.get_weights())
    agent.save(tmp_path / "agent")
    with Run.create(tmp_path, "run", {}) as run:
        agentlab.train(agent, envs, 64, run=run, quiet=True)
    for pretrained, weights in (
        (told_apart / "saved", known(told_apart)),
        (tmp_path / "agent", net.torso.get_weights()),
        (tmp_path / "run", agent.net.torso.get_weights()),
    ):
        other, _ = make("dqn", pretrained=str(pretrained))
        other.on_train_start()
        assert same(other.net.torso, weights), pretrained


def trained(run, pretrained):
    agent, envs = make(pretrained=str(pretrained))
    agentlab.train(agent, envs, 256, run=run, checkpoint_every=128, log_every=64, quiet=True)
    return agent


def test_only_the_start_of_a_run_needs_the_encoder(told_apart, tmp_path):
    pretrained = shutil.copytree(told_apart, tmp_path / "pretrained")
    Run.create(tmp_path, "whole", {}).close()
    whole = trained(Run.open(tmp_path / "whole"), pretrained)  # no checkpoint: it starts here
    shutil.copytree(tmp_path / "whole", tmp_path / "resumed")
    shutil.rmtree(tmp_path / "resumed" / "checkpoints" / "000002")  # as if killed before it
    shutil.rmtree(pretrained)
    resumed = trained(Run.open(tmp_path / "resumed"), pretrained)
    assert all(np.array_equal(value, resumed.state()[n]) for n, value in whole.state().items())
    resumed.save(tmp_path / "agent")
    loaded = agentlab.load(tmp_path / "agent")
    assert loaded.config.pretrained == str(pretrained)
    agentlab.train(loaded, agentlab.make_envs(lambda: Bars(high=255), 4), 4, quiet=True)
    with pytest.raises(AgentlabError, match=r"pretrained=.* there is no such folder"):
        trained(Run.create(tmp_path, "new", {}), pretrained)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"net": "nature_cnn"}, r"has conv_0/kernel of shape \[8, 8, 1, 16\] where the network to "
         r"train has conv_0/kernel of shape \[8, 8, 1, 32\]"),
        ({"net": "mlp"}, "is a CNN, but the network to train is a MLP; choose the same net"),
        ({"pretrained": "nowhere"}, "pretrained='nowhere' .* there is no such folder"),
        ({"env": lambda: Bars(side=52)}, r"has dense/kernel of shape \[288, 256\] where .* "
         r"\[800, 256\]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_a_sentence(told_apart, options, says):
    agent, _ = make(**{"pretrained": str(told_apart), **options})
    with pytest.raises(AgentlabError, match=says) as error:
        agent.on_train_start()
    assert "\n" not in str(error.value)


def test_an_activation_that_differs_is_refused(tmp_path):
    for name, activation in (("relu", "relu"), ("tanh", "tanh")):
        agent, _ = make(env=Sign, net="mlp", hidden=(8,), activation=activation)
        agent.save(tmp_path / name)
    other, _ = make(env=Sign, net="mlp", hidden=(8,), pretrained=str(tmp_path / "relu"))
    with pytest.raises(AgentlabError, match="has activation='relu', but the network .*'tanh'"):
        other.on_train_start()
    other, _ = make(env=Sign, net="mlp", hidden=(8,), pretrained=str(tmp_path / "tanh"))
    other.on_train_start()


def test_a_net_for_standardized_numbers_is_refused(tmp_path):
    x = np.random.default_rng(0).standard_normal((40, 1), np.float32)
    options = {"hidden": (8,), "activation": "tanh", "epochs": 1}
    for standardize in (True, False):
        classifier = Classifier("mlp", standardize=standardize, **options)
        classifier.fit(x, x[:, 0] > 0, quiet=True).save(tmp_path / str(standardize))
    agent, _ = make(env=Clock, net="mlp", hidden=(8,), pretrained=str(tmp_path / "True"))
    with pytest.raises(AgentlabError, match="it was trained on standardized inputs"):
        agent.on_train_start()
    agent, _ = make(env=Clock, net="mlp", hidden=(8,), pretrained=str(tmp_path / "False"))
    agent.on_train_start()


def test_folders_without_a_torso_are_refused(tmp_path, told_apart):
    agent = agentlab.make_agent("random", agentlab.make_envs(Clock))
    agent.save(tmp_path / "random")
    damaged = shutil.copytree(told_apart / "saved", tmp_path / "damaged")
    (damaged / "net.keras").write_bytes(b"nothing")
    Run.create(tmp_path, "empty", {}).close()
    for folder, says in (
        ("random", "it has no network with a torso"),
        ("damaged", "it is not the file that was saved"),
        ("empty", "has saved nothing yet"),
    ):
        agent, _ = make(pretrained=str(tmp_path / folder))
        with pytest.raises(AgentlabError, match=f"pretrained=.* cannot be used: .*{says}"):
            agent.on_train_start()


def test_freezing_needs_an_encoder():
    with pytest.raises(AgentlabError, match="freeze_pretrained=True needs pretrained set to a run"):
        make(freeze_pretrained=True)


def test_a_command_that_names_no_encoder_leaves_no_run(tmp_path, capsys):
    words = "train --env CartPole-v1 --algo pg --steps 64 --pretrained nowhere --runs-dir"
    assert main([*words.split(), str(tmp_path / "runs")]) == 2
    assert "pretrained='nowhere' cannot be used" in capsys.readouterr().err
    assert not list((tmp_path / "runs").iterdir())
