"""``agentlab tune``: search for the settings with which `fit` or `train` does best."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from agentlab.cli import fit, program, train
from agentlab.cli.flags import Parser, fill
from agentlab.cli.report import show
from agentlab.config import format_value, option
from agentlab.errors import AgentlabError
from agentlab.experiments.agent_run import Training, is_foreign
from agentlab.experiments.search import Sampler, Study, read_space
from agentlab.experiments.training_data import Source, load_data, trainer_of
from agentlab.experiments.trials import TRIALS, Search, Task, in_words
from agentlab.lazy import without_banners
from agentlab.runs.files import refuse_links

DESCRIPTION = """Search for the settings with which `fit` or `train` does best. All flags that are
not listed here are those of `fit` or `train`; each trial is a run of its own.

  FIELD=A|B|C          one of some values, such as hidden=64|128,128
  FIELD=LOW..HIGH      any number between two, such as dropout=0..0.5
  FIELD=LOW..HIGH:log  the same by orders of magnitude, such as learning_rate=1e-4..1e-2:log

Trials of `fit` are judged by the held-out metric of their best epoch, never by the test; those of
`train` by the mean return of the episodes at the end."""
BEST = 5  # that are shown
LINKS = ("best", "study.log.lock")  # made by a search: to its best trial, and Optuna's lock
RUN_FIELDS = {field.name for cls in (fit.Choice, Source, train.Choice) for field in fields(cls)}
RUN_FIELDS |= {"help", "seed", "workers", "eval_episodes", "video", "log_every", "checkpoint_every"}


@dataclass(frozen=True)
class Choice:
    """Which search it is."""

    trials: int | None = option(None, f"settings to try; none is {TRIALS}, or all of a grid")
    sampler: Sampler = option("tpe", "how they are chosen: tpe learns from those that are done")
    points: int = option(5, "numbers that a grid takes from each range")
    workers: int = option(1, "trials that run at a time, each in a process of its own")
    seed: int = option(0, "of the sampler and of every trial")
    name: str | None = option(None, "the search's folder in runs-dir; none makes it of the data")
    runs_dir: str = option("runs", "where run folders lie")
    resume: str | None = option(None, "resume the search in this folder")

    def __post_init__(self) -> None:
        for name, least in (("trials", 1), ("points", 2), ("workers", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise AgentlabError(f"{name}={value} must be {least} or more")


def run(words: list[str]) -> int:
    """Search as ``words`` say and return the exit code."""
    parser = Parser(program("tune"), DESCRIPTION, words="fit|train")
    parser.add_argument(
        "--search", nargs="+", action="extend", metavar="FIELD=VALUES", help="what is searched"
    )
    parser.add_fields(Choice, "search")
    verb = words[0] if words else "--help"
    said, rest = parser._split(words[1:] if verb in ("fit", "train") else words)
    if "help" in said or verb == "--help":
        parser.print_help()
        return 0
    if verb not in ("fit", "train"):
        raise AgentlabError(f"tune {verb}: say what is tuned, `tune fit ...` or `tune train ...`")
    rest = [re.sub(r"^ (?=-\.?\d)", "", word) for word in rest]
    choice = fill(Choice, {}, said)
    if choice.resume is not None:
        return _resume(verb, rest, said, choice)
    if "search" not in said:
        raise AgentlabError("--search is missing, such as --search learning_rate=1e-4..1e-2:log")
    task = _task(verb, rest, choice.seed)
    about = {"verb": verb, "words": rest, "search": said["search"]}
    about |= {name: getattr(choice, name) for name in ("trials", "sampler", "points", "seed")}
    space = read_space(said["search"], task.hints)
    for dimension in space:
        if any(word.split("=")[0] == dimension.words("yes")[0] for word in rest):
            raise AgentlabError(f"{dimension.words('yes')[0]} is given and searched; leave one out")
    folder = Path(choice.runs_dir) / re.sub(r"[^\w.+=-]+", "-", choice.name or task.title)
    if folder.exists():
        again = f"{program('tune')} {verb} --resume {shlex.quote(str(folder))}"
        raise AgentlabError(f"{folder} exists; choose another --name, or resume it by `{again}`")
    folder.mkdir(parents=True)
    study = Study(folder, new=True)
    study.describe(about)
    study.set_up(space, choice.sampler, choice.seed, choice.points, choice.workers)
    return _run(Search(task, study, folder, choice.trials, choice.workers, choice.seed, show))


def _resume(verb: str, rest: list[str], said: dict[str, Any], choice: Choice) -> int:
    """Resume the search that ``--resume`` names."""
    folder = Path(choice.resume or "")
    if folder.is_dir():
        refuse_links(folder, allowed=LINKS)
    study = Study(folder)
    about = study.about
    try:
        kept = fill(Choice, {}, {name: about[name] for name in ("sampler", "points", "seed")})
        search, trials = list(map(str, about["search"])), about["trials"]
        stored = list(map(str, about["words"]))
        if about["verb"] != verb:
            raise AgentlabError(f"{folder} tunes {about['verb']}, not {verb}")
    except (KeyError, TypeError) as error:
        raise AgentlabError(f"{folder} is damaged: {error!r}") from None
    changed = set(said) - {"resume", "trials", "workers"}
    if changed or rest not in ([], stored):
        raise AgentlabError(
            "a resumed search keeps its settings; only --trials and --workers may be given"
        )
    if not rest and any(is_foreign(word) for word in stored) and verb == "train":
        raise AgentlabError(
            "this search runs code from outside agentlab: if you trust it, add its words: "
            + shlex.join(stored)
        )
    task = _task(verb, stored, kept.seed)
    study.set_up(
        read_space(search, task.hints), kept.sampler, kept.seed, kept.points, choice.workers
    )
    trials = fill(Choice, {}, {"trials": choice.trials or trials}).trials
    return _run(Search(task, study, folder, trials, choice.workers, kept.seed, show))


def _run(search: Search) -> int:
    """Try all settings and show the best; returns the exit code."""
    if search.run():
        _show_best(search)
        return 0
    words = ["--resume", str(search.folder), *(search.task.words if search.task.foreign else [])]
    print(f"stopped; resume with: {program('tune')} {search.task.verb} {shlex.join(words)}")
    return 130


def _show_best(search: Search) -> None:
    task, study = search.task, search.study
    best, failed = study.best(BEST), len(study.trials("FAIL"))
    if not best:
        raise AgentlabError(
            f"none of {failed} trials was finished"
            + (f"; the last one says: {search.last_failure}" if search.last_failure else "")
        )
    print()
    done = len(study.trials("COMPLETE"))
    show("finished", f"{done} trials" + (f"; {failed} failed" if failed else ""))
    for rank, trial in enumerate(best, 1):
        figure = f"{task.metric} {task.sign * (trial.value or 0.0):<9.4g}"
        show(f"best {rank}", f"{figure} {search.path(trial).name}   {in_words(trial)}")
    if shares := study.importance():
        show("importance", ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
    path, link = search.path(best[0]), search.keep_best()
    if task.verb == "fit":
        metrics = json.loads((path / "test.json").read_text(encoding="utf-8"))["metrics"]
        show("test", ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    show("kept", f"{link}, which is {path.name}")
    words = [*task.words, *search.settings(best[0]), "--seed", str(search.seed)]
    show("alone", f"{program(task.verb)} {shlex.join(words)}")


def _task(verb: str, words: list[str], seed: int) -> Task:
    """Check the words for the trials, and say how those are judged."""
    make = _fit_task if verb == "fit" else _train_task
    return make(words, seed)


def _train_task(words: list[str], seed: int) -> Task:
    from agentlab.agents import ALGORITHMS

    parser = Parser(program("train"), "")
    parser.add_fields(train.Choice, "run")
    said = parser.given_among_others(words)
    if "algo" not in said:
        raise AgentlabError(f"--algo is missing; there are {', '.join(ALGORITHMS)}")
    if "env" not in said:
        raise AgentlabError(f"--env is missing; `{program('envs')}` lists all that there are")
    parser = train._parser(said["algo"])
    said = parser.given(words)
    if fill(Training, {}, said).eval_episodes == 0:
        raise AgentlabError("eval_episodes=0 leaves nothing to judge trials by; give 1 or more")
    names = [name for name in ("env", "algo") if is_foreign(said[name])]
    foreign = [word for name in names for word in (f"--{name}", said[name])]
    words = words if "video" in said else [*words, "--no-video"]
    title = f"tune-{said['env']}-{said['algo']}"
    return Task("train", words, _searchable(parser), "return", 1, foreign, title)


def _fit_task(words: list[str], seed: int) -> Task:
    from agentlab.supervised import trainer_class

    said = fit._parser().given_among_others(words)
    recipe, source = fit.named_data(said)
    name = None if recipe is None and source.own is None else trainer_of(source, recipe)
    if name is None:
        name = load_data(source, recipe, seed, 0.1).trainer
    with without_banners():
        cls = trainer_class(name)
    parser = fit._parser(name, cls.Config)
    said = parser.given(words)
    for flag in ("folds", "list"):
        if said.get(flag):
            raise AgentlabError(f"--{flag} cannot be combined with tune")
    metric, direction = cls.monitor
    own = said["recipe"] if recipe else Path(format_value(getattr(source, source.own or ""))).stem
    sign = 1 if direction == "max" else -1
    return Task("fit", words, _searchable(parser), metric, sign, [], f"tune-{own}")


def _searchable(parser: Parser) -> dict[str, Any]:
    return {name: hint for name, hint in parser.hints.items() if name not in RUN_FIELDS}
