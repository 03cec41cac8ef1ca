"""``agentlab tune``: search for the best hyperparameters of `fit` or `train`."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from agentlab.agents import ALGORITHMS
from agentlab.cli import fit, program, train
from agentlab.cli.flags import Parser
from agentlab.cli.report import show
from agentlab.config import Options, flag_of, format_value, option
from agentlab.errors import AgentlabError
from agentlab.experiments.agent_settings import FILES as AGENT_FILES
from agentlab.experiments.agent_settings import Environment, Training
from agentlab.experiments.fitting import Fitting
from agentlab.experiments.foreign import is_foreign
from agentlab.experiments.paths import absolute
from agentlab.experiments.plan import fill
from agentlab.experiments.search import Field, Sampler, Study, read_space
from agentlab.experiments.source import FILES, Source
from agentlab.experiments.training_data import choose_trainer
from agentlab.experiments.trials import TRIALS, Search, Task, in_words, start_on_ray
from agentlab.lazy import without_banners
from agentlab.registry import trainer_class
from agentlab.runs.permission import refuse_links
from agentlab.scale.ray_cluster import RayCluster

DESCRIPTION = """Search for the best hyperparameters of `fit` or `train`. All flags that are not
listed here are passed on to `fit` or `train`. Each trial is a separate run.

  FIELD=A|B|C          one of several values, such as hidden=64|128,128
  FIELD=LOW..HIGH      any number in a range, such as dropout=0..0.5
  FIELD=LOW..HIGH:log  the same on a logarithmic scale, such as learning_rate=1e-4..1e-2:log

Trials of `fit` are compared by the validation metric of their best epoch, never by the test split;
trials of `train` by the mean return of their final evaluation."""
BEST = 5  # number of best trials to show
LINKS = ("best", "study.log.lock")  # links that a search creates: the best trial and Optuna's lock
RUN_FIELDS = {
    field.name
    for cls in (fit.Choice, Fitting, Source, train.Choice, Environment)
    for field in fields(cls)
}
RUN_FIELDS |= {"workers", "eval_every", "eval_episodes", "stop_at_return", "video"}
RUN_FIELDS |= {"log_every", "checkpoint_every", "ray"}

FILE_FLAGS = {flag_of(name) for name in (*FILES, *AGENT_FILES)}


@dataclass(frozen=True)
class Choice(Options):
    """Options of the search."""

    trials: int | None = option(
        None, f"number of trials; none for {TRIALS}, or for the whole grid", ge=1
    )
    sampler: Sampler = option("tpe", "how settings are sampled; tpe learns from finished trials")
    points: int = option(5, "number of values from each range, for grid", ge=2)
    workers: int | None = option(
        None, "number of parallel trials; none for 1, or for one per CPU with --ray", ge=1
    )
    ray: str | None = option(
        None,
        "run the trials on a Ray cluster: its address, such as 10.0.0.1:6379, or local; none to "
        "disable",
    )
    seed: int = option(0, "seed of the sampler and of every trial", ge=0)
    name: str | None = option(None, "name of the search's folder; none for a default name")
    runs_dir: str = option("runs", "folder that contains the runs")
    resume: str | None = option(None, "resume the search in this folder")


def run(words: list[str]) -> int:
    """Search with the command line arguments ``words`` and return the exit code."""
    parser = Parser(program("tune"), DESCRIPTION, words="fit|train")
    parser.add_argument(
        "--search", nargs="+", action="extend", metavar="FIELD=VALUES", help="fields to search"
    )
    parser.add_fields(Choice, "search")
    verb = words[0] if words else "--help"
    given, rest = parser.split(words[1:] if verb in ("fit", "train") else words)
    if "help" in given or verb == "--help":
        parser.print_help()
        return 0
    if verb not in ("fit", "train"):
        raise AgentlabError(f"tune {verb} is unknown; use `tune fit ...` or `tune train ...`")
    rest = [re.sub(r"^ (?=-\.?\d)", "", word) for word in rest]
    rest = with_absolute_paths(rest)
    choice = fill(Choice, {}, given)
    if choice.resume is not None:
        return _resume(verb, rest, given, choice)
    if "search" not in given:
        raise AgentlabError(
            "--search is missing; pass fields, such as --search learning_rate=1e-4..1e-2:log"
        )
    task = _task(verb, rest)
    about = {"verb": verb, "words": rest, "search": given["search"]}
    about |= {name: getattr(choice, name) for name in ("trials", "sampler", "points", "seed")}
    space = read_space(given["search"], task.fields)
    for dimension in space:
        if any(word.split("=")[0] == dimension.words("yes")[0] for word in rest):
            raise AgentlabError(
                f"{dimension.words('yes')[0]} cannot be both given and searched; leave out one"
            )
    folder = Path(choice.runs_dir) / re.sub(r"[^\w.+=-]+", "-", choice.name or task.title)
    if folder.exists():
        again = f"{program('tune')} {verb} --resume {shlex.quote(str(folder))}"
        raise AgentlabError(
            f"{folder} already exists; choose another --name, or resume it with `{again}`"
        )
    with _trial_starter(choice) as (begin, at_once):
        folder.mkdir(parents=True)
        study = Study(folder, new=True)
        study.describe(about)
        study.set_up(space, choice.sampler, choice.seed, choice.points, at_once)
        search = Search(task, study, folder, choice.trials, at_once, choice.seed, show, begin)
        return _run(search)


@contextmanager
def _trial_starter(choice: Choice) -> Iterator[tuple[Any, int]]:
    """Connect to the Ray cluster, if any; yield what starts trials, and how many in parallel."""
    if choice.ray is None:
        yield None, choice.workers or 1
        return
    cluster = RayCluster(choice.ray, choice.workers or 1)
    try:
        yield start_on_ray, choice.workers or cluster.cpus
    finally:
        cluster.close()


def with_absolute_paths(words: list[str]) -> list[str]:
    """Return a command line with absolute paths, so that a search is resumed from any folder."""
    found, flag = [], ""
    for word in words:
        name, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        flag = name or flag
        if flag in FILE_FLAGS:
            value = absolute(value)
        found.append(name + equals + value)
    return found


def _resume(verb: str, rest: list[str], given: dict[str, Any], choice: Choice) -> int:
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
    changed = set(given) - {"resume", "trials", "workers", "ray"}
    if changed or rest not in ([], stored):
        raise AgentlabError(
            "a resumed search keeps its settings; only --trials, --workers and --ray can be changed"
        )
    if not rest and any(is_foreign(word) for word in stored) and verb == "train":
        raise AgentlabError(
            f"{folder} runs code from outside agentlab: if you trust it, add " + shlex.join(stored)
        )
    task = _task(verb, stored)
    space = read_space(search, task.fields)
    trials = fill(Choice, {}, {"trials": choice.trials or trials}).trials
    with _trial_starter(choice) as (begin, at_once):
        study.set_up(space, kept.sampler, kept.seed, kept.points, at_once)
        return _run(Search(task, study, folder, trials, at_once, kept.seed, show, begin))


def _run(search: Search) -> int:
    """Run all trials, print the best ones and return the exit code."""
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
            f"all {failed} trials failed"
            + (f"; the last with: {search.last_failure}" if search.last_failure else "")
        )
    print()
    done = len(study.trials("COMPLETE"))
    show("finished", f"{done} trials" + (f"; {failed} failed" if failed else ""))
    for rank, trial in enumerate(best, 1):
        figure = f"{task.metric} {task.sign * (trial.value or 0.0):<9.4g}"
        show(f"best {rank}", f"{figure} {search.path(trial).name}   {in_words(trial)}")
    if importance := study.importance():
        show("importance", ", ".join(f"{name} {share:.0%}" for name, share in importance.items()))
    path, link = search.path(best[0]), search.keep_best()
    if task.verb == "fit":
        metrics = json.loads((path / "test.json").read_text(encoding="utf-8"))["metrics"]
        show("test", ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    show("best run", f"{link}, a link to {path.name}")
    words = [*task.words, *search.settings(best[0]), "--seed", str(search.seed)]
    show("command", f"{program(task.verb)} {shlex.join(words)}")


def _task(verb: str, words: list[str]) -> Task:
    """Check the flags of the trials, and return the command that they run and its metric."""
    make = _fit_task if verb == "fit" else _train_task
    return make(words)


def _train_task(words: list[str]) -> Task:
    parser = Parser(program("train"), "")
    parser.add_fields(train.Choice, "run")
    parser.add_fields(Environment, "environment")
    given = parser.given_among_others(words)
    if given.get("algo") is None:
        raise AgentlabError(f"--algo is missing; choose from {', '.join(ALGORITHMS)}")
    if given.get("env") is None:
        raise AgentlabError(f"--env is missing; `{program('envs')}` lists all environments")
    parser = train.make_parser(given["algo"])
    given = parser.given(words)
    if fill(Training, {}, given).eval_episodes == 0:
        raise AgentlabError(
            "eval_episodes=0 must be 1 or more, since trials are compared by their evaluation"
        )
    names = [name for name in ("env", "algo") if is_foreign(given[name])]
    foreign = [word for name in names for word in (f"--{name}", given[name])]
    if any(map(is_foreign, given.get("wrapper", ()))):
        foreign += ["--wrapper", *given["wrapper"]]
    words = words if "video" in given else [*words, "--no-video"]
    title = f"tune-{given['env']}-{given['algo']}"
    return Task("train", words, _searchable(parser), "return", 1, foreign, title)


def _fit_task(words: list[str]) -> Task:
    given = fit.make_parser().given_among_others(words)
    recipe, source = fit.named_data(given)
    name, _ = choose_trainer(recipe, source, given)
    with without_banners():
        cls = trainer_class(name)
    parser = fit.make_parser(name, cls.Config)
    given = parser.given(words)
    for flag in ("folds", "list"):
        if given.get(flag):
            raise AgentlabError(f"--{flag} cannot be combined with tune")
    metric, direction = cls.monitor
    own = given["recipe"] if recipe else Path(format_value(getattr(source, source.own or ""))).stem
    sign = 1 if direction == "max" else -1
    return Task("fit", words, _searchable(parser), metric, sign, [], f"tune-{own}")


def _searchable(parser: Parser) -> dict[str, Field]:
    return {
        name: Field(parser.hints[name], field)
        for name, field in parser.fields.items()
        if name not in RUN_FIELDS
    }
