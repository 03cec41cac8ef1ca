"""The models in a folder, and the replacement of their versions while serving."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from agentlab.deploy.card import CARD
from agentlab.deploy.serving.bodies import BadRequest
from agentlab.deploy.serving.version import Version
from agentlab.errors import AgentlabError, text_of

log = logging.getLogger("agentlab.serve")
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass
class Model:
    """The versions of one model.

    Attributes:
        live: loaded versions by number; the largest number is the default for requests.
        draining: replaced versions that requests or sessions still use.
        failed: the reason why a version cannot be loaded, and the state of its files, by number.
    """

    live: dict[int, Version] = field(default_factory=dict)
    draining: list[Version] = field(default_factory=list)
    failed: dict[int, tuple[str, object]] = field(default_factory=dict)


class Store:
    """The models of a folder: ``FOLDER/NAME/VERSION/``, or the folder of a single export.

    Args:
        folder: the folder.
        kept: number of versions of each model to load, the newest ones.

    Attributes:
        models: the models by name.
        swaps: the number of times that the newest version of a model was replaced.

    Raises:
        AgentlabError: if it is not a folder.
    """

    def __init__(self, folder: Path | str, kept: int = 1) -> None:
        self.folder, self.kept = Path(folder), kept
        self.models: dict[str, Model] = {}
        self.swaps = 0
        if not self.folder.is_dir():
            raise AgentlabError(f"FOLDER={str(folder)!r} is not a folder")

    def newest(self, name: str) -> Version:
        """Return the newest loaded version of a model.

        Raises:
            BadRequest: if there is none.
        """
        live = self.model(name).live
        if not live:
            raise BadRequest(f"no version of model {name!r} is loaded", 503)
        return live[max(live)]

    def version(self, name: str, number: str) -> Version:
        """Return a loaded version of a model by number.

        Raises:
            BadRequest: if it is not loaded.
        """
        live = self.model(name).live
        if number.isdecimal() and int(number[:20]) in live:
            return live[int(number)]
        loaded = ", ".join(map(str, sorted(live))) or "none"
        raise BadRequest(f"version {number[:20]} of {name!r} is not loaded; loaded: {loaded}", 404)

    def model(self, name: str) -> Model:
        """Return a model by name.

        Raises:
            BadRequest: for an unknown name.
        """
        if name not in self.models:
            names = ", ".join(sorted(self.models)[:20])
            raise BadRequest(f"model {name[:50]!r} does not exist; models: {names}", 404)
        return self.models[name]

    def load_new(self) -> list[Callable[[], None]]:
        """Load new versions in the folder; meant for a thread, since loading takes a while.

        Returns:
            Functions that put them into service, to be called in the thread of the event loop.
        """
        changes: list[Callable[[], None]] = []
        found = self._found()
        for name, folders in found.items():
            model = self.models.get(name, Model())
            wanted = sorted(folders, reverse=True)
            loaded: dict[int, Version] = {}
            failed: dict[int, tuple[str, object]] = {}
            for number in wanted:
                if len(loaded) == self.kept:
                    break
                if number in model.live:
                    loaded[number] = model.live[number]
                    continue
                state = _state_of(folders[number])
                if model.failed.get(number, ("", None))[1] == state:
                    failed[number] = model.failed[number]
                    continue
                try:
                    loaded[number] = Version(name, number, folders[number])
                except Exception as error:  # a runtime can raise anything
                    failed[number] = (text_of(error), state)
                    log.warning("%s: version %d cannot be loaded: %s", name, number, text_of(error))
            # If no version in the folder can be loaded, the loaded ones stay.
            loaded = loaded or dict(model.live)
            changes.append(partial(self._replace, name, loaded, failed))
        gone = [name for name in self.models if name not in found]
        changes += [partial(self._replace, name, {}, {}) for name in gone]
        return changes

    def _replace(
        self, name: str, loaded: dict[int, Version], failed: dict[int, tuple[str, object]]
    ) -> None:
        model = self.models.setdefault(name, Model())
        before, after = max(model.live, default=None), max(loaded, default=None)
        for number in loaded.keys() - model.live.keys():
            log.info("%s: version %d is loaded and serves requests", name, number)
        self.swaps += before is not None and before != after
        model.draining += [v for n, v in model.live.items() if n not in loaded]
        model.live, model.failed = loaded, failed

    def drain(self, session_seconds: float) -> None:
        """Close replaced versions that are no longer used, and remove expired sessions."""
        for model in self.models.values():
            for version in [*model.live.values(), *model.draining]:
                version.expire_sessions(session_seconds)
            for version in [v for v in model.draining if v.is_idle]:
                model.draining.remove(version)
                version.close()
                log.info("%s: version %d is closed", version.name, version.number)
        self.models = {n: m for n, m in self.models.items() if m.live or m.draining or m.failed}

    def _found(self) -> dict[str, dict[int, Path]]:
        """Return the folders of all versions by name and number."""
        if (self.folder / CARD).exists():
            return {self.folder.resolve().name: {1: self.folder}}
        return {
            model.name: dict(_versions(model))
            for model in sorted(self.folder.iterdir())
            if model.is_dir() and NAME.fullmatch(model.name) and any(_versions(model))
        }


def _versions(model: Path) -> Iterator[tuple[int, Path]]:
    """Yield the numbered versions of a model with their folders; a single export is version 1."""
    if (model / CARD).exists():
        yield 1, model
        return
    for folder in model.iterdir():
        if folder.name.isdecimal() and len(folder.name) < 20 and folder.is_dir():
            yield int(folder.name), folder


def _state_of(folder: Path) -> object:
    """Return the sizes and modification times of a folder's files, to detect changes."""
    found = [(str(p), p.lstat().st_size, p.lstat().st_mtime_ns) for p in folder.rglob("*")]
    return sorted(found)
