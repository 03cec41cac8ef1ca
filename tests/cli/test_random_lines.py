"""Random command lines are refused in one sentence, and none ends in a traceback."""

import random

import pytest

from agentlab.cli import fit, play, train
from agentlab.cli.flags import Parser
from agentlab.experiments.agent_settings import Environment
from agentlab.registry import trainer_class

ENVS = (
    "CartPole-v1", "CartPole", "Nope-v0", "CartPole-v9", "", "/", ":", ":b", "a:", "gym:", "ALE/",
    "json:X", "os:path", "x" * 300, "é", "\x1b[2J", "gym::", "a:b:c", "CartPole-v", "-v0",
)  # fmt: skip
ALGOS = ("random", "q_table", "pg", "dqn", "nope", "", ":", "json:loads", "a:b:c", "PG", "\x00")
VALUES = (
    "", "none", "-1", "0", "1", "nan", "inf", "1e400", "x", "yes", "3,4", "empty", "--", "-", ",",
    "1 2", "'", "$x", "%s", "{}", "[1]", "\x00", "é", "漢", "9" * 50, "1e-300", "mlp", "=", "a=1",
    "a:", "render_mode=human", "my:W", "1" * 5000, "[" * 2000,
)  # fmt: skip


def flags(rng, parser, count):
    """Return some flags of a parser with values that are rarely valid."""
    words = []
    for name in rng.choices(sorted(set(parser.fields) - {"resume", "runs_dir", "human"}), k=count):
        flag = "--" + name.replace("_", "-")
        value = rng.choice(VALUES)
        words += rng.choice([[flag], [f"{flag}={value}"], [flag, *value.split(" ")], [flag[:-1]]])
    return words


def line(rng):
    """Return a command line that cannot be carried out."""
    verb = rng.choice(
        ("train", "train", "train", "play", "fit", "check-env", "predict", "tune", "")
    )
    env, algo = rng.choice(ENVS), rng.choice(ALGOS)
    if verb == "train":
        try:
            parser = train.make_parser(algo)
        except Exception:
            parser = train.make_parser()
        some = flags(rng, parser, rng.randrange(4))
        return [verb, "--env", env, "--algo", algo, *some, "--steps", "0"]
    if verb == "play":
        parser = Parser("", "")
        parser.add_fields(play.PlayOptions, "")
        parser.add_fields(Environment, "environment")
        some = flags(rng, parser, rng.randrange(4))
        return [verb, *rng.choice(([], ["nowhere"], ["."])), *some, "--episodes", "0"]
    if verb == "fit":
        parser = fit.make_parser("classifier", trainer_class("classifier").Config)
        source = rng.choice(("--csv", "--images", "--text", "--series", "--pairs", "--recipe"))
        some = [word for word in flags(rng, parser, rng.randrange(4)) if "--lis" not in word]
        return [verb, source, rng.choice(("nowhere", ".", "none", "", "\x00")), *some]
    if verb == "check-env":
        return [verb, rng.choice(ENVS[2:]), *rng.choice(([], ["--env-kwargs", rng.choice(VALUES)]))]
    if verb == "tune":
        return [verb, rng.choice(("train", "fit", "nope")), "--trials", "0", "--search", "x=1"]
    words = rng.choices(VALUES, k=rng.randrange(1, 4))
    return [verb, *words] if verb else [rng.choice(VALUES) or "x", *words]


@pytest.mark.parametrize("seed", range(4))
def test_every_command_line_is_refused_in_one_sentence(call, seed):
    rng = random.Random(seed)
    for _ in range(50):
        words = line(rng)
        result = call(words)
        told = [text for text in result.err.split("\n") if text.startswith("agentlab: error: ")]
        assert result.code == 2, (words, result.out[-300:], result.err[-1000:])
        assert len(told) == 1, (words, result.err[-1000:])
        assert "this is unexpected" not in told[0], (words, told)
        assert "Traceback" not in result.err, (words, result.err[-1000:])
        assert told[0].isprintable(), words


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("check-env :b", "':b'"),
        ("fit --images nowhere --recipe none", "nowhere"),
        ("fit --recipe none", "pass"),
        ("nets --outputs " + "9" * 50, "outputs="),
        ("nets --outputs 2000000", "between 1 and 1,000,000"),
        ("train --env CartPole-v1 --algo random --seed " + "9" * 30, "too large"),
        ("train --env CartPole-v1 --algo random --video=yes", "--video takes no value"),
    ],
)
def test_command_lines_that_once_ended_in_a_traceback(refused, words, part):
    refused(words, part)


def test_an_unexpected_exception_is_reported_in_one_sentence(refused, monkeypatch, capfd):
    def fail(_):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("agentlab.cli.envs.list_envs", fail)
    refused("envs", "ZeroDivisionError: by zero", "please report it")
