"""Which tools of a stranger's server are not the ones that were looked at?"""

from collections.abc import Mapping
from dataclasses import dataclass

from tool_runner.domain.manifest import ListedTool


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A tool that is not offered until somebody has looked at it. `blessed` is the version that may be called, None
    for a tool that is new on a server which is not."""

    server: str
    listed: ListedTool
    blessed: str | None

    @property
    def name(self) -> str:
        return f"{self.server}.{self.listed.name}"


def versions_of(listed: list[ListedTool]) -> dict[str, str]:
    """What is written down of a server that is seen for the first time."""
    return {tool.name: tool.version for tool in listed}


def quarantined(server: str, listed: list[ListedTool], blessed: Mapping[str, str]) -> list[Quarantined]:
    """The tools whose version is not the blessed one."""
    return [
        Quarantined(server, tool, blessed.get(tool.name)) for tool in listed if blessed.get(tool.name) != tool.version
    ]
