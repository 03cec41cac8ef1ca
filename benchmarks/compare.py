"""Compare the speed of agentlab and its peers on the same workloads, in alternation.

    python benchmarks/compare.py [--only NAME ...] [--rounds 3] [--seconds 20] [--list]

Each measurement runs in its own process and times its steady state. The peers (see
``peers.txt``) are installed into their own virtual environment at the first use.
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
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from measurements import Measurement, Ratio, Row
from rows import ROWS

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "peers.txt"


class BenchmarkError(Exception):
    """The reason why a comparison cannot run, in one sentence."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the comparisons given on the command line and return the exit code."""
    options = _parse(words)
    if options.list:
        width = max(len(row.name) for row in ROWS)
        print("\n".join(f"{row.name:<{width}}  {row.work}" for row in ROWS))
        return 0
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    try:
        cpus = available_cpus()
        if len(cpus) < 2:
            raise BenchmarkError("the comparisons need 2 CPUs, but this process can use only one")
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
        help="comparisons to run (default: all)",
    )
    parser.add_argument(
        "--rounds",
        type=_positive(int),
        default=3,
        metavar="N",
        help="number of rounds (default: 3)",
    )
    parser.add_argument(
        "--seconds",
        type=_positive(float),
        default=20.0,
        metavar="S",
        help="duration of a measurement in seconds, after a warm-up (default: 20)",
    )
    parser.add_argument("--list", action="store_true", help="list the comparisons and exit")
    parser.add_argument("--no-peers", action="store_true", help="do not measure the peers")
    parser.add_argument(
        "--peers",
        type=Path,
        default=HERE / ".peers",
        metavar="FOLDER",
        help="the peers' virtual environment, created if missing (default: %(default)s)",
    )
    return parser.parse_args(words)


def _positive(kind: type) -> Any:
    def convert(text: str) -> Any:
        value = kind(text)
        if not 0 < value < 1e6:
            raise argparse.ArgumentTypeError(f"{text} must be more than 0 and less than 1e6")
        return value

    convert.__name__ = kind.__name__  # argparse names the type in its message
    return convert


def available_cpus() -> list[int]:
    """Return the CPUs that this process can use, starting with one per physical core."""
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
    """Return the interpreter of the peers' virtual environment, created if necessary.

    The environment is complete if it contains a copy of the current ``peers.txt``, which is
    written last.

    Raises:
        BenchmarkError: if it cannot be created.
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
    """Run the measurements of a row in alternation; return steps/s by label for each round."""
    lines = [m for m in row.measurements if not m.is_peer or python]
    rates: dict[str, list[float]] = {m.label: [] for m in lines}
    for turn in range(options.rounds):
        # Reverse the order every other round, so that drift of the machine favors no side.
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
    """Run one measurement in its own process.

    Args:
        measurement: what to run.
        seconds: how long to time it, after a warm-up of at most 5 seconds.
        cpus: the CPUs to pin it to; it gets the first ``measurement.cores`` of them.
        python: the interpreter that runs it.

    Returns:
        ``rate``: environment steps per second; ``versions``: versions of the measured packages.

    Raises:
        BenchmarkError: if it fails.
    """
    order = {
        "function": measurement.function,
        "arguments": measurement.arguments,
        "seconds": seconds,
        "warm_up": min(5.0, seconds),
    }
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    # Hide GPUs from both sides, and measure the agentlab of this checkout.
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
    output = (done.stderr or done.stdout).strip().splitlines()
    return output[-1] if output else f"exit code {done.returncode}"


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
    """Describe the machine in one line, with its load, which should be close to 0."""
    return (
        f"{cpu_model()}, {len(os.sched_getaffinity(0))} CPUs "
        f"(2 used), {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.2f} at the start"
    )


def table(row: Row, rates: Mapping[str, Sequence[float]]) -> str:
    """Format the results of a row: median and range of steps/s, then the ratios.

    Args:
        row: the comparison.
        rates: steps/s by label for each round. A ratio is the median of the ratios of all rounds,
            and is omitted if one of its measurements is missing.
    """
    lines: list[tuple[str, ...]] = [("", "steps/s", "min", "max")]
    for label, values in rates.items():
        lines.append((label, *(f"{f(values):,.0f}" for f in (median, min, max))))
    lines.append(("", "ratio", "goal", ""))
    for ratio in row.ratios:
        if ratio.above in rates and ratio.below in rates:
            lines.append((f"{ratio.above} : {ratio.below}", *_judged(ratio, rates)))
    return f"{row.name}: {row.work}\n{_aligned(lines)}"


def _judged(ratio: Ratio, rates: Mapping[str, Sequence[float]]) -> Iterator[str]:
    pairs = zip(rates[ratio.above], rates[ratio.below], strict=True)
    value = median(above / below for above, below in pairs)
    yield f"{value:.2f}"
    if ratio.minimum is None:
        yield from ("", "")
    else:
        yield f"{ratio.minimum:.2f}"
        yield "met" if value >= ratio.minimum else "missed"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Align columns: the first one left, the others right."""
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
