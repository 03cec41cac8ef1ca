"""Every kind of network can be exported to every format."""

import importlib.util

import numpy as np
import pytest

from agentlab.agents import make_agent
from agentlab.deploy.files import write_file
from agentlab.deploy.measuring import compare, size_of
from agentlab.deploy.runtimes import open_file
from agentlab.deploy.samples import random_inputs
from agentlab.deploy.signature import trace
from agentlab.envs import Preprocessing, make_envs
from agentlab.experiments.results.exported_agent import sampled_inputs
from agentlab.lazy import keras
from agentlab.nets import make_net
from agentlab.nets.inference import most_likely
from agentlab.supervised import Translator

PACKAGES = ("ai_edge_litert", "onnx", "onnxruntime", "tf2onnx")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(importlib.util.find_spec(package) is None for package in PACKAGES),
        reason="the packages of agentlab[deploy] are not installed",
    ),
]
SUFFIXES = {"litert": ".tflite", "onnx": ".onnx", "savedmodel": ""}
IMAGE = (32, 32, 3)
NETS = {
    "mlp": ((8,), {}),
    "lenet": ((28, 28, 1), {}),
    "vgg": (IMAGE, {}),
    "resnet20": (IMAGE, {}),
    "text_cnn": ((20,), {"vocabulary": 50}),
    "lstm": ((12, 3), {}),
    "gru": ((12, 3), {}),
    "peephole": ((12, 3), {}),
}
CARTPOLE, PONG = "CartPole-v1", "PongNoFrameskip-v4"
AGENTS = {
    "pg-mlp": (CARTPOLE, "pg", {}),
    "pg-lstm": (CARTPOLE, "pg", {"net": "lstm"}),
    "pg-nature_cnn": (PONG, "pg", {"net": "nature_cnn"}),
    "ppo-mlp": (CARTPOLE, "ppo", {"normalize_observations": True}),
    "ppo-lstm": (CARTPOLE, "ppo", {"net": "lstm"}),
    "ppo-nature_cnn": (PONG, "ppo", {"net": "nature_cnn"}),
    "dqn-dueling": (CARTPOLE, "dqn", {"dueling": True}),
    "dqn-c51": (CARTPOLE, "dqn", {"distribution": "c51"}),
    "dqn-quantile": (CARTPOLE, "dqn", {"distribution": "quantile"}),
    "dqn-noisy": (CARTPOLE, "dqn", {"noisy": True}),
    "sac": ("Pendulum-v1", "sac", {}),
}
TRAINERS = ("autoencoder", "vae", "dcgan", "capsules")
TRANSLATORS = {
    "seq2seq-luong": {"net": "luong"},
    "seq2seq-bahdanau": {"net": "bahdanau", "cell": "lstm"},
    "seq2seq-none": {"net": "none", "layers": 2},
    "transformer": {"net": "transformer", "joint": False},
}


def net_model(name):
    shape, arguments = NETS[name]
    inputs = keras.Input(shape, dtype="int32" if "vocabulary" in arguments else "float32", name="x")
    logits = make_net(name, shape, 5, 0, **arguments)(inputs, training=False)
    outputs = {"probabilities": keras.ops.softmax(logits), "classes": most_likely(logits)}
    return keras.Model(inputs, outputs)


def trained(name):
    from agentlab.supervised import CapsuleClassifier
    from agentlab.unsupervised import DCGAN, VAE, Autoencoder

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (32, 16, 16, 1)).astype(np.uint8)
    if name == "autoencoder":
        return Autoencoder(epochs=1, code_size=4).fit(images)
    if name == "vae":
        return VAE(epochs=1, latent_dim=4).fit(images)
    if name == "dcgan":
        return DCGAN(epochs=1, latent_dim=8, filters=16, scored_samples=0).fit(images)
    images = rng.integers(0, 256, (16, 28, 28, 1)).astype(np.uint8)
    return CapsuleClassifier(epochs=1).fit(images, np.arange(16) % 2)


def check(tmp_path, traced, format, examples):
    """Export, run the file in its runtime, and return the differences."""
    path = tmp_path / f"model{SUFFIXES[format]}"
    write_file(traced, path, format, isolated=False)
    difference = compare(traced, open_file(path), examples)
    assert difference.largest <= 1e-4
    if format == "savedmodel":
        weights = sum(size_of(each) for each in (path / "variables").glob("*.data*"))
        assert weights <= 1.05 * 4 * traced.parameters
    print(f"{format} {difference.largest:.1e} {size_of(path) / 4 / traced.parameters:.2f}")
    return difference


@pytest.mark.parametrize("format", SUFFIXES)
@pytest.mark.parametrize("name", NETS)
def test_nets(tmp_path, name, format):
    traced = trace(net_model(name))
    check(tmp_path, traced, format, random_inputs(traced.inputs, 32))


@pytest.mark.parametrize("format", SUFFIXES)
@pytest.mark.parametrize("name", AGENTS)
def test_agents(tmp_path, name, format):
    env, algo, config = AGENTS[name]
    atari = {"grayscale": True, "resize": 84, "frame_stack": 4}
    preprocessing = Preprocessing(**atari) if env == PONG else Preprocessing()
    with make_envs(env, 1, preprocessing=preprocessing) as envs:
        agent = make_agent(algo, envs, 0, **config)
        traced = trace(agent.inference_model())
        check(tmp_path, traced, format, sampled_inputs(agent, traced.inputs, traced.state, 16))


@pytest.mark.parametrize("name", TRAINERS)
def test_trainers(tmp_path, name):
    traced = trace(trained(name).inference_model())
    for format in SUFFIXES:
        check(tmp_path, traced, format, random_inputs(traced.inputs, 16))


@pytest.mark.parametrize("name", TRANSLATORS)
def test_translators(tmp_path, name):
    """One file translates greedily, from token ids to token ids."""
    sources = ["the cat sat", "a dog ran home", "the dog sat", "a cat ran on"] * 8
    targets = ["le chat", "un chien court", "le chien assis", "un chat court vite"] * 8
    config = {"units": 32, "embedding": 16, "epochs": 2, "bleu_every": 0, **TRANSLATORS[name]}
    translator = Translator(**config).fit(sources, targets, quiet=True)
    ids = translator.preprocessor.encode(sources[:4], end=True)
    traced = trace(translator.inference_model(), time_steps=ids.shape[1])
    for format in SUFFIXES:
        difference = check(tmp_path, traced, format, {"ids": ids})
        assert difference.equal_choices == 1


@pytest.mark.parametrize("quantize", ["dynamic", "int8", "16x8"])
def test_quantized_lenet_is_small(tmp_path, quantize):
    traced = trace(net_model("lenet"))
    examples = random_inputs(traced.inputs, 64)
    given = None if quantize == "dynamic" else examples
    path = tmp_path / "model.tflite"
    write_file(traced, path, "litert", quantize, isolated=False, examples=given)
    assert 4 * traced.parameters >= 3.5 * size_of(path)
    assert compare(traced, open_file(path), examples).largest < 0.1
