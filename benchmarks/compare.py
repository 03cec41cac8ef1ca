"""Compare agentlab's speed with its peers': both in one run, on the same work, by turns.

    python benchmarks/compare.py [--only NAME ...] [--rounds 3] [--seconds 20] [--list]

Each measurement is a process of its own that times its steady state. The peers (see
``peers.txt``) are installed into a virtual environment of their own at the first use.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "peers.txt"


class BenchmarkError(Exception):
    """What keeps a comparison from being made, told in one sentence."""


@dataclass(frozen=True)
class Measurement:
    """One line of a comparison.

    Attributes:
        label: what the table calls it; unique within its row.
        script: ``ours.py`` or ``fitting.py``, run by this interpreter, or ``peers.py``, run by
            the peers'.
        function: the measuring function in ``script``.
        arguments: that function's arguments beside its meter.
        cores: how many CPUs it may use.
    """

    label: str
    script: str
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    cores: int = 2

    @property
    def is_peer(self) -> bool:
        return self.script == "peers.py"


@dataclass(frozen=True)
class Ratio:
    """One measurement's steps/s over another's, both by label, and the least that we ask for."""

    above: str
    below: str
    bar: float | None = None


@dataclass(frozen=True)
class Row:
    """Measurements of the same work, and the ratios that they are made for."""

    name: str
    work: str
    measurements: tuple[Measurement, ...]
    ratios: tuple[Ratio, ...]


PONG = {"env": "Pong-v0", "n": 16}
CARTPOLE = {"env": "CartPole-v1", "n": 8}
ATARI = "PongNoFrameskip-v4"
# Of the RL Zoo of Stable-Baselines3: the same work for both, whatever each side's presets say.
ZOO_ATARI = {"learning_rate": 1e-4, "learning_starts": 1000}
ZOO_CARTPOLE = {"learning_rate": 2.3e-3, "learning_starts": 1000}
# Both explore as the zoo does once epsilon has fallen, for most of a training. A decline over the
# endless trainings of these measurements would let a side act at random, without its net.
ATARI_EPSILON, CARTPOLE_EPSILON = 0.01, 0.04
OUR_ZOO_ATARI = {
    **ZOO_ATARI,
    "net": "nature_cnn",
    "batch_size": 32,
    "train_freq": 4,
    "gradient_steps": 1,
    "buffer_size": 20_000,
    "target_update_interval": 1000,
    "n_step": 1,
    "double": False,
    "optimizer": "adam",
    "epsilon_start": ATARI_EPSILON,
    "epsilon_end": ATARI_EPSILON,
}
SB3_ZOO_ATARI = {
    **ZOO_ATARI,
    "batch_size": 32,
    "train_freq": 4,
    "gradient_steps": 1,
    "buffer_size": 20_000,
    "target_update_interval": 1000,
    "exploration_initial_eps": ATARI_EPSILON,
    "exploration_final_eps": ATARI_EPSILON,
}
OUR_ZOO_CARTPOLE = {
    **ZOO_CARTPOLE,
    "hidden": (256, 256),
    "batch_size": 64,
    "train_freq": 256,
    "gradient_steps": 128,
    "decay_steps": 0,
    "target_update_interval": 10,
    "n_step": 1,
    "double": False,
    "tau": 1.0,
    "epsilon_start": CARTPOLE_EPSILON,
    "epsilon_end": CARTPOLE_EPSILON,
}
SB3_ZOO_CARTPOLE = {
    **ZOO_CARTPOLE,
    "policy_kwargs": {"net_arch": [256, 256]},
    "batch_size": 64,
    "train_freq": 256,
    "gradient_steps": 128,
    "target_update_interval": 10,
    "buffer_size": 100_000,
    "exploration_initial_eps": CARTPOLE_EPSILON,
    "exploration_final_eps": CARTPOLE_EPSILON,
}


def _pong_dqn(label: str, **options: Any) -> Measurement:
    """Return our DQN on Pong with the zoo's settings and ``options``."""
    arguments = {"env": ATARI, "algo": "dqn", "n": 16, "options": {**OUR_ZOO_ATARI, **options}}
    return Measurement(label, "ours.py", "train", arguments)


ROWS = (
    Row(
        "step-cores",
        "Pong-v0 under the default preset of pg, stepped with random actions, no learning",
        (
            Measurement(
                "agentlab, 2 cores", "ours.py", "step_preset", {"env": "Pong-v0", "workers": 2}
            ),
            Measurement(
                "agentlab, 1 core", "ours.py", "step_preset", {"env": "Pong-v0", "workers": 1}, 1
            ),
        ),
        (Ratio("agentlab, 2 cores", "agentlab, 1 core", 1.8),),
    ),
    Row(
        "step-pong",
        "16 of Pong-v0 stepped with random actions, whole gray frames, no learning",
        (
            Measurement("agentlab, 2 cores", "ours.py", "step_gray", {**PONG, "workers": 2}),
            Measurement("agentlab, 1 core", "ours.py", "step_gray", {**PONG, "workers": 1}, 1),
            Measurement(
                "agentlab, 1 core, no worker", "ours.py", "step_gray", {**PONG, "workers": 0}, 1
            ),
            Measurement("Gymnasium AsyncVectorEnv", "peers.py", "step_gymnasium", PONG),
            Measurement("SB3 SubprocVecEnv", "peers.py", "step_sb3", PONG),
        ),
        (
            Ratio("agentlab, 2 cores", "agentlab, 1 core"),
            Ratio("agentlab, 2 cores", "agentlab, 1 core, no worker"),
            Ratio("agentlab, 2 cores", "Gymnasium AsyncVectorEnv"),
            Ratio("agentlab, 2 cores", "SB3 SubprocVecEnv"),
        ),
    ),
    Row(
        "train-pong-ratio",
        "Pong-v0 under the default preset of pg: trained, and stepped at random without learning",
        (
            Measurement("agentlab pg", "ours.py", "train", {"env": "Pong-v0"}),
            Measurement("random steps", "ours.py", "step_preset", {"env": "Pong-v0"}),
        ),
        (Ratio("agentlab pg", "random steps", 0.6),),
    ),
    Row(
        "cartpole-pg",
        "8 of CartPole-v1 trained: pg's default preset, the peers' default hyperparameters",
        (
            Measurement("agentlab pg", "ours.py", "train", CARTPOLE),
            Measurement("SB3 A2C", "peers.py", "train_sb3", {**CARTPOLE, "algo": "A2C"}),
            Measurement("SB3 PPO", "peers.py", "train_sb3", {**CARTPOLE, "algo": "PPO"}),
        ),
        (Ratio("agentlab pg", "SB3 A2C", 3.0), Ratio("agentlab pg", "SB3 PPO")),
    ),
    Row(
        "pong-dqn",
        "DQN on PongNoFrameskip-v4: Nature CNN, Adam, batch 32, an update every 4 steps",
        (
            _pong_dqn("agentlab float32"),
            _pong_dqn("agentlab bfloat16", precision="bfloat16"),
            _pong_dqn("agentlab float32, compressed", compress=True),
            Measurement(
                "SB3 DQN",
                "peers.py",
                "train_sb3",
                {"env": ATARI, "algo": "DQN", "n": 1, "options": SB3_ZOO_ATARI},
            ),
        ),
        (
            Ratio("agentlab float32", "SB3 DQN", 1.6),
            Ratio("agentlab bfloat16", "SB3 DQN", 2.5),
            Ratio("agentlab float32, compressed", "agentlab float32", 1 / 1.3),
        ),
    ),
    Row(
        "cartpole-dqn",
        "DQN on CartPole-v1: net 256-256, batch 64, 128 updates every 256 steps",
        (
            Measurement(
                "agentlab dqn",
                "ours.py",
                "train",
                {"env": "CartPole-v1", "algo": "dqn", "n": 16, "options": OUR_ZOO_CARTPOLE},
            ),
            Measurement(
                "SB3 DQN",
                "peers.py",
                "train_sb3",
                {"env": "CartPole-v1", "algo": "DQN", "n": 1, "options": SB3_ZOO_CARTPOLE},
            ),
        ),
        (Ratio("agentlab dqn", "SB3 DQN", 4.0),),
    ),
    Row(
        "mnist-cnn",
        "the recipe's net (3,274,634 parameters, Adam, batch 128) trained; a step is an image",
        (
            Measurement("agentlab fit", "fitting.py", "digits"),
            Measurement("Keras fit", "fitting.py", "digits_keras"),
            Measurement("PyTorch", "peers.py", "fit_digits", {"batch": 128}),
        ),
        (Ratio("agentlab fit", "Keras fit", 1 / 1.05), Ratio("agentlab fit", "PyTorch", 1.0)),
    ),
    Row(
        "characters",
        "a language model of 512 LSTM cells, 32 windows of 64; a step is a character",
        (
            Measurement("agentlab fit", "fitting.py", "text"),
            Measurement("Keras fit", "fitting.py", "text_keras"),
        ),
        (Ratio("agentlab fit", "Keras fit"),),
    ),
    Row(
        "translation",
        "256 GRU cells with Luong's attention, 6,000 subwords, 64 pairs; a step is a token",
        (
            Measurement("agentlab fit", "fitting.py", "pairs"),
            Measurement("Keras fit", "fitting.py", "pairs_keras"),
        ),
        (Ratio("agentlab fit", "Keras fit"),),
    ),
)


def main(words: Sequence[str] | None = None) -> int:
    """Run the comparisons that the command line asks for and return the exit code."""
    options = _parse(words)
    if options.list:
        width = max(len(row.name) for row in ROWS)
        print("\n".join(f"{row.name:<{width}}  {row.work}" for row in ROWS))
        return 0
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    try:
        cpus = available_cpus()
        if len(cpus) < 2:
            raise BenchmarkError("the comparisons need 2 CPUs, and this process may use only one")
        python = None
        if not options.no_peers and any(m.is_peer for row in rows for m in row.measurements):
            python = peers_python(options.peers)
        print(machine(), end="\n\n", flush=True)
        versions: dict[str, dict[str, str]] = {}
        for row in rows:
            rates = _compare(row, options, cpus, python, versions)
            print(table(row, rates), end="\n\n", flush=True)
        for side, found in versions.items():
            print(f"{side}: {', '.join(f'{name} {number}' for name, number in found.items())}")
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "compare.py", description="Compare agentlab's speed with its peers'."
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        choices=[row.name for row in ROWS],
        help="these comparisons (default: all)",
    )
    parser.add_argument(
        "--rounds", type=_positive(int), default=3, metavar="N", help="rounds (default: 3)"
    )
    parser.add_argument(
        "--seconds",
        type=_positive(float),
        default=20.0,
        metavar="S",
        help="seconds timed a measurement, after a warm-up (default: 20)",
    )
    parser.add_argument("--list", action="store_true", help="list the comparisons and stop")
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    parser.add_argument(
        "--peers",
        type=Path,
        default=HERE / ".peers",
        metavar="FOLDER",
        help="the peers' virtual environment, made where it is missing (default: %(default)s)",
    )
    return parser.parse_args(words)


def _positive(kind: type) -> Any:
    def convert(text: str) -> Any:
        value = kind(text)
        if not 0 < value < 1e6:
            raise argparse.ArgumentTypeError(f"{text} must be more than 0")
        return value

    convert.__name__ = kind.__name__  # argparse names the type in its message
    return convert


def available_cpus() -> list[int]:
    """Return the CPUs that this process may use, one of each physical core first."""
    if not hasattr(os, "sched_getaffinity"):
        raise BenchmarkError(f"{platform.system()} cannot pin a process to CPUs: use Linux")
    firsts: list[int] = []
    siblings: list[int] = []
    cores: set[str | int] = set()
    for cpu in sorted(os.sched_getaffinity(0)):
        topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        core = topology.read_text() if topology.exists() else cpu
        (siblings if core in cores else firsts).append(cpu)
        cores.add(core)
    return firsts + siblings


def peers_python(folder: Path) -> Path:
    """Return the interpreter of the peers' virtual environment, made where it is incomplete.

    The environment is complete when it holds a copy of ``peers.txt`` as it is now, which is
    written last.

    Raises:
        BenchmarkError: where it cannot be made.
    """
    python, receipt = folder / "bin" / "python", folder / REQUIREMENTS.name
    if receipt.exists() and receipt.read_text() == REQUIREMENTS.read_text() and python.exists():
        return python
    print(f"installing the peers into {folder} ...", file=sys.stderr, flush=True)
    pip = "-m", "pip", "--disable-pip-version-check", "--quiet", "install"
    for command in (
        (sys.executable, "-m", "venv", str(folder)),
        (str(python), *pip, "--requirement", str(REQUIREMENTS)),
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise BenchmarkError(
                f"the peers could not be installed into {folder} ({_last_line(done)}); "
                "--no-peers measures agentlab alone"
            )
    (folder / ".gitignore").write_text("*\n")
    shutil.copy(REQUIREMENTS, receipt)
    return python


def _compare(
    row: Row,
    options: argparse.Namespace,
    cpus: Sequence[int],
    python: Path | None,
    versions: dict[str, dict[str, str]],
) -> dict[str, list[float]]:
    """Measure a row's lines by turns and return their steps/s by label, one each round."""
    lines = [m for m in row.measurements if not m.is_peer or python]
    rates: dict[str, list[float]] = {m.label: [] for m in lines}
    for turn in range(options.rounds):
        # Backwards every other time, so that a drift of the machine favors no line.
        for m in lines[:: -1 if turn % 2 else 1]:
            print(f"{row.name}, round {turn + 1}: {m.label} ...", file=sys.stderr, flush=True)
            interpreter = python if m.is_peer and python else Path(sys.executable)
            result = measure(m, options.seconds, cpus, interpreter)
            rates[m.label].append(result["rate"])
            versions["peers" if m.is_peer else "agentlab"] = result["versions"]
    return rates


def measure(
    measurement: Measurement, seconds: float, cpus: Sequence[int], python: Path
) -> dict[str, Any]:
    """Run one measurement in a process of its own.

    Args:
        measurement: what to run.
        seconds: how long to time it, after a warm-up of at most 5 seconds.
        cpus: the CPUs to pin it to; it gets the first ``measurement.cores`` of them.
        python: the interpreter that runs it.

    Returns:
        ``rate``: environment steps per second; ``versions``: of the packages measured.

    Raises:
        BenchmarkError: where it fails.
    """
    order = {
        "function": measurement.function,
        "arguments": measurement.arguments,
        "seconds": seconds,
        "warm_up": min(5.0, seconds),
    }
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    # Neither side may see a GPU, and ours is the agentlab that these files lie beside.
    environ = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": "" if measurement.is_peer else os.pathsep.join(filter(None, paths)),
    }
    # Pinned before the interpreter starts: thread pools count CPUs when they are loaded.
    pin = partial(os.sched_setaffinity, 0, set(cpus[: measurement.cores]))
    limit = 10 * seconds + 300
    try:
        done = subprocess.run(
            (str(python), str(HERE / measurement.script), json.dumps(order)),
            capture_output=True,
            text=True,
            env=environ,
            timeout=limit,
            preexec_fn=pin,
        )
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"{measurement.label} took more than {limit:.0f} seconds") from None
    if done.returncode:
        raise BenchmarkError(f"{measurement.label} failed: {_last_line(done)}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    said = (done.stderr or done.stdout).strip().splitlines()
    return said[-1] if said else f"exit code {done.returncode}"


def cpu_model() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    return models[0] if models else platform.processor()


def machine() -> str:
    """Describe the machine in one line, with its load, which spoils numbers where it is not 0."""
    return (
        f"{cpu_model()}, {len(os.sched_getaffinity(0))} CPUs "
        f"(2 used), {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.2f} at the start"
    )


def table(row: Row, rates: Mapping[str, Sequence[float]]) -> str:
    """Lay a row's results out: the median and the span of steps/s, then the ratios.

    Args:
        row: what was compared.
        rates: steps/s by label, one each round. A ratio is the median of the rounds' ratios; one
            whose lines are not all here is left out.
    """
    lines: list[tuple[str, ...]] = [("", "steps/s", "least", "most")]
    for label, values in rates.items():
        lines.append((label, *(f"{f(values):,.0f}" for f in (median, min, max))))
    lines.append(("", "ratio", "bar", ""))
    for ratio in row.ratios:
        if ratio.above in rates and ratio.below in rates:
            lines.append((f"{ratio.above} : {ratio.below}", *_judged(ratio, rates)))
    return f"{row.name}: {row.work}\n{_aligned(lines)}"


def _judged(ratio: Ratio, rates: Mapping[str, Sequence[float]]) -> Iterator[str]:
    pairs = zip(rates[ratio.above], rates[ratio.below], strict=True)
    value = median(above / below for above, below in pairs)
    yield f"{value:.2f}"
    if ratio.bar is None:
        yield from ("", "")
    else:
        yield f"{ratio.bar:.2f}"
        yield "met" if value >= ratio.bar else "missed"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Align columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    sys.exit(main())
