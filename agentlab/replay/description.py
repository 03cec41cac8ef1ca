"""The settings and counters of a saved replay buffer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.errors import AgentlabError
from agentlab.runs.files import write_json
from agentlab.runs.reading import read_json

FILE = "replay.json"


@dataclass(frozen=True)
class Description:
    """The content of ``replay.json`` in the folder of a saved replay buffer.

    Attributes:
        settings: the settings of the buffer.
        count: number of rows added.
        max_priority: the highest priority so far, to the power of alpha.
    """

    settings: Any
    count: int
    max_priority: float

    def write(self, directory: Path) -> None:
        """Write the file.

        Raises:
            OSError: if the file cannot be written.
        """
        content = {"settings": self.settings, "count": self.count, "highest": self.max_priority}
        write_json(directory / FILE, content)

    @classmethod
    def read(cls, directory: Path) -> Description:
        """Read the file.

        Raises:
            AgentlabError: for a missing or damaged file.
        """
        try:
            content = read_json(directory / FILE)
            count, max_priority = int(content["count"]), float(content["highest"])
            if count < 0:
                raise ValueError(f"count={count}")
            return cls(content["settings"], count, max_priority)
        except FileNotFoundError:
            raise AgentlabError(f"{directory} holds no replay buffer: there is no {FILE}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AgentlabError(f"{directory / FILE} is damaged: {error}") from error

    def check_settings(self, expected: dict[str, Any], directory: Path) -> None:
        """Raise ``AgentlabError`` unless the buffer in ``directory`` has the expected settings."""
        if self.settings != expected:
            raise AgentlabError(
                f"{directory} holds another replay buffer: {self._difference(expected)}"
            )

    def _difference(self, expected: dict[str, Any]) -> str:
        if not isinstance(self.settings, dict):
            return "its settings are damaged"
        for name, value in expected.items():
            if self.settings.get(name) != value:
                return f"its {name} is {self.settings.get(name)}, not {value}"
        return "it has unknown settings"
