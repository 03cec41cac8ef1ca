"""Flags and names of other libraries get a hint, before TensorFlow is loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from agentlab.agents import ALGORITHMS
from agentlab.agents.other_names import OTHER_NAMES
from agentlab.cli.other_flags import EXPLAINED, SYNONYMS
from agentlab.registry import Registry

ROOT = Path(__file__).parents[2]
PG = "train --env CartPole-v1 --algo pg"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (f"{PG} --lr 1e-3", "--lr is unknown; did you mean --learning-rate?"),
        (f"{PG} --LR 1e-3", "--LR is unknown; did you mean --learning-rate?"),
        (f"{PG} --learning_rate 1e-3", "did you mean --learning-rate?"),
        (f"{PG} --total-timesteps 100", "did you mean --steps?"),
        (f"{PG} --total_timesteps=100", "did you mean --steps?"),
        (f"{PG} --n-steps 100", "did you mean --rollout-length?"),
        (f"{PG} --device cuda", "CUDA_VISIBLE_DEVICES=-1"),
        (f"{PG} --Gamma 1", "did you mean --gamma?"),
        ("train --env CartPole-v1 --algo dqn --n-steps 3", "did you mean --n-step?"),
        ("fit --csv a.csv --target b --lr 1", "a.csv"),
        ("play --algo random --env CartPole-v1 --render", "did you mean --human?"),
        ("train --env CartPole-v1 --algo qrdqn", "use dqn with --distribution quantile"),
        ("train --env CartPole-v1 --algo QR-DQN", "use dqn with --distribution quantile"),
        ("train --env CartPole-v1 --algo SARSA", "use q_table with --method sarsa"),
        ("train --env CartPole-v1 --algo Dreamer", "agentlab does not have it"),
        ("train --env CartPole-v1 --algo DQM", "did you mean 'dqn'"),
    ],
)
def test_equivalents_are_suggested_before_similar_strings(refused, words, part):
    refused(words, part)


def test_a_registered_name_takes_precedence_over_its_hint():
    names = Registry("algo", {"ppo": "a:B"}, {"ppo": "use pg", "a2c": "use ppo"})
    names.check("ppo")
    assert names.canonical("PPO") == "ppo"
    with pytest.raises(ValueError, match="^algo='A2C' is unknown; use ppo$"):
        names.check("A2C")


@pytest.mark.parametrize("algo", ["RANDOM", "Random"])
def test_case_does_not_matter_in_names_of_algorithms(call, algo):
    words = f"--env CartPole-v1 --algo {algo}"
    result = call(f"train {words} --steps 40 --eval-episodes 0 --no-video --name run")
    assert result.code == 0, result.err
    assert call(f"train --resume runs/run --algo {algo} --steps 80").code == 0
    assert call(f"play {words} --episodes 1").code == 0
    assert ALGORITHMS.canonical("Q-Table") == "q_table"


def test_hints_are_existing_flags_and_only_for_names_that_are_not_flags():
    from agentlab.cli import fit, play, train, tune
    from agentlab.cli.flags import Parser
    from agentlab.registry import registry_of, trainer_class

    known = set()
    for algo in ALGORITHMS:
        known |= set(train.make_parser(algo).fields)
    for trainer in registry_of("trainer"):
        known |= set(fit.make_parser(trainer, trainer_class(trainer).Config).fields)
    parser = Parser("", "")
    parser.add_fields(play.PlayOptions, "")
    known |= set(parser.fields)
    parser = Parser("", "")
    parser.add_fields(tune.Choice, "")
    known |= set(parser.fields) | {"out"}
    flags = {"--" + name.replace("_", "-") for name in known}
    assert {flag for same in SYNONYMS.values() for flag in same} <= flags
    assert not flags & set(EXPLAINED)
    assert not set(OTHER_NAMES) & {name for name in OTHER_NAMES if "_" in name or "-" in name}


def test_misspelled_names_are_refused_before_tensorflow_is_loaded(tmp_path):
    lines = [
        f"{PG} --net lstn",
        f"{PG} --optimizer adm",
        f"{PG} --activation rulu",
        "train --env CartPole-v1 --algo dqn --optimizer adm",
        "fit --csv data.csv --target y --net mlpp",
        "fit --csv data.csv --target y --optimizer adm",
        "fit --csv data.csv --target y --activation rulu",
        f"{PG} --learning-rate -1",
    ]
    (tmp_path / "data.csv").write_text("x,y\n" + "\n".join(f"{i},{i % 2}" for i in range(50)))
    code = (
        "import sys; from agentlab.cli import main; "
        "codes = [main(line.split()) for line in sys.argv[1:]]; "
        "sys.exit('loaded' if {'tensorflow', 'keras'} & set(sys.modules) else set(codes) != {2})"
    )
    command = [sys.executable, "-c", code, *lines]
    environ = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == len(lines)


def test_the_optimizers_are_those_of_keras():
    from inspect import signature

    import keras

    from agentlab.training.optimizer_names import OPTIMIZERS

    found = [
        name.lower()
        for name, cls in vars(keras.optimizers).items()
        if isinstance(cls, type) and "learning_rate" in signature(cls).parameters
    ]
    assert sorted(found) == list(OPTIMIZERS)
