"""The command line: ``agentlab train``, ``play``, ``fit``, ``predict``, ``tune`` and more."""

from __future__ import annotations

import importlib
import logging
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn, TextIO

from gymnasium.error import Error as EnvironmentFailure

import agentlab
from agentlab.cli.exits import exits_raised, sigterm_interrupts
from agentlab.cli.streams import prepare_streams
from agentlab.errors import AgentlabError, exit_call, printable, text_of

COMMANDS = {
    "train": "train an agent, or resume a run",
    "play": "run episodes with an agent, and record a video",
    "compare": "compare runs: learning curves, a table and CSV files",
    "fit": "train a network on a data set: a recipe, a CSV, images, text or a time series",
    "fit-unsupervised": "train unsupervised models: autoencoders, GANs, clustering, recommenders",
    "predict": "predict with a trained network",
    "encode": "encode inputs with a trained model",
    "reconstruct": "reconstruct inputs with a trained model",
    "generate": "generate samples from a generative model",
    "interpolate": "interpolate between two images",
    "inpaint": "fill in missing parts of images",
    "cluster": "assign inputs to clusters",
    "recommend": "recommend items to a user",
    "anomaly": "compute the anomaly scores of inputs",
    "export": "write a trained network to a LiteRT, ONNX or SavedModel file",
    "serve": "serve exported models over HTTP",
    "summarize": "show the layers, operations, parameters and FLOPs of a network",
    "profile": "show the time and memory of each operation of a network",
    "doctor": "show devices and versions, and test that training works",
    "launch": "run `fit` in several processes",
    "cloud": "write a Dockerfile or a job file for a cluster or a cloud",
    "tune": "search for hyperparameters of `fit` or `train`",
    "nets": "list all networks, or summarize or draw one",
    "envs": "list the ids of all environments",
    "check-env": "check a custom environment",
}
SCRIPTS = {
    "train": "train_agent.py",
    "play": "play_agent.py",
    "compare": "compare runs: learning curves, a table and CSV files",
    "fit": "train_supervised.py",
    "fit-unsupervised": "train_unsupervised.py",
    "predict": "predict.py",
    "tune": "tune.py",
    "envs": "list_envs.py",
}

# Suppresses messages about the CPU and about missing GPUs, displays and sound cards.
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_VIDEODRIVER": "dummy",
    "SDL_AUDIODRIVER": "dummy",
}

INTERRUPTED = 130  # exit code after Ctrl-C, as in shells
NOTHING_SAVED = "interrupted; nothing was saved"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: the command line arguments; ``None`` for those in ``sys.argv``.

    Returns:
        0 for success, 2 for an error (reported in one sentence on stderr), 130 after Ctrl-C.
    """
    prepare_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it logs where it caches fonts
    for name, value in QUIET.items():
        if name != "SDL_VIDEODRIVER" or "--human" not in words:
            os.environ.setdefault(name, value)
    try:
        with exits_raised(), sigterm_interrupts():
            code = _run(words)
        sys.stdout.flush()
        return code
    except (AgentlabError, EnvironmentFailure) as error:
        if debug:
            traceback.print_exc()
        message = " ".join(str(error).split())
    except SystemExit as error:  # from the user's code: an error, whatever its exit code
        if debug:
            traceback.print_exc()
        message = f"{exit_call(error)} was called by code outside agentlab"
    except OSError as error:
        message = str(error.strerror or error) + (f": {error.filename}" if error.filename else "")
    except KeyboardInterrupt as error:
        print(f"\nagentlab: {printable(error) or NOTHING_SAVED}", file=sys.stderr)
        return INTERRUPTED
    except (MemoryError, RecursionError) as error:
        message = f"out of memory: {error}".removesuffix(": ")
    except Exception as error:
        if debug:
            traceback.print_exc()
        message = _unexpected(error)
    if _folder_is_gone():
        message += "; the current folder was deleted"
    print(f"agentlab: error: {printable(message)}", file=sys.stderr)
    return 2


def _unexpected(error: Exception) -> str:
    """Return the message for an exception that no part of agentlab expects."""
    what = text_of(error)[:300]
    if "ResourceExhausted" in type(error).__name__:
        return f"out of memory: {what}"
    return (
        f"{type(error).__name__}: {what}; this is unexpected; please report it with the output "
        "of --debug"
    )


def _folder_is_gone() -> bool:
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def run_process(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command line, and end this process with its exit code.

    After Ctrl-C the process ends at once: everything has been saved, and a thread that is still
    compiling a network would delay the prompt for seconds. So does a task of a cluster: at
    exit, TensorFlow would wait for the other tasks, even for one that was killed.
    """
    from agentlab.runs.task import VARIABLE

    code = main(argv)
    if code == INTERRUPTED or os.environ.get(VARIABLE):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def program(command: str) -> str:
    """Return how the user calls ``command``: ``python scripts/...`` or ``agentlab COMMAND``."""
    script = Path(sys.argv[0])
    if script.name in SCRIPTS.values() and command in SCRIPTS:
        return f"python {shlex.quote(str(script.with_name(SCRIPTS[command])))}"
    return f"agentlab {command}"


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print("usage: agentlab COMMAND [flags]\n")
        print(
            "Train reinforcement learning agents, supervised and unsupervised models.\n\ncommands:"
        )
        for name, text in COMMANDS.items():
            print(f"  {name:<18}{text}")
        print("\n`agentlab COMMAND --help` shows a command's flags; --debug prints tracebacks.")
        return 0
    if words[0] == "--version":
        print(f"agentlab {agentlab.__version__}")
        return 0
    if words[0] not in COMMANDS:
        near = get_close_matches(words[0], COMMANDS, n=1)
        raise AgentlabError(
            f"{words[0]} is not a command; "
            + (f"did you mean {near[0]}?" if near else f"choose from {', '.join(COMMANDS)}")
        )
    module = importlib.import_module(f"agentlab.cli.{words[0].replace('-', '_')}")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        code: int = module.run(words[1:])
    return code


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print agentlab's own warnings, one line each; others are meant for developers."""
    if category is UserWarning and "agentlab" in filename:
        print(printable(f"agentlab: warning: {message}"), file=sys.stderr)
