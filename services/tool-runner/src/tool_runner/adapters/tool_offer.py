"""Where do the tools go that a server lists: into this process, into the bucket for the others, or into quarantine?"""

from dataclasses import dataclass, field

import structlog

from tool_runner.adapters.blessings import Blessings
from tool_runner.adapters.tool_catalogue import ToolCatalogue
from tool_runner.adapters.tool_registry import ToolRegistry
from tool_runner.domain.manifest import ListedTool
from tool_runner.domain.offer_tools import is_offered
from tool_runner.domain.quarantine import Quarantined, quarantined, versions_of

log = structlog.get_logger()


@dataclass(slots=True)
class ToolOffer:
    """What all servers have listed, and what of it is offered. `strangers` are the servers whose tools may change
    without anybody here having changed anything."""

    registry: ToolRegistry
    catalogue: ToolCatalogue
    blessings: Blessings
    strangers: frozenset[str]
    _listed: dict[str, list[ListedTool]] = field(default_factory=dict)
    _held: dict[str, list[Quarantined]] = field(default_factory=dict)

    async def take(self, server: str, listed: list[ListedTool]) -> None:
        """These are all the tools of the server now."""
        rules = self.registry.servers[server]
        wanted = [tool for tool in listed if is_offered(tool.name, rules)]
        if server in self.strangers:
            await self.blessings.loaded.wait()
            await self.blessings.know(server, versions_of(wanted))
        self._listed[server] = listed
        self.offer(server)

    def offer(self, server: str) -> None:
        """Offer what may be offered of what the server listed last; nothing if it has listed nothing yet."""
        if server not in self._listed:
            return
        listed, rules = self._listed[server], self.registry.servers[server]
        held: list[Quarantined] = []
        if server in self.strangers:
            wanted = [tool for tool in listed if is_offered(tool.name, rules)]
            held = quarantined(server, wanted, self.blessings.of(server))
        if held != self._held.get(server, []):
            log.warning("tools.quarantined", server=server, tools=[one.listed.name for one in held][:20])
        self._held[server] = held
        names = {one.listed.name for one in held}
        self.registry.quarantined[server] = frozenset(names)
        self.catalogue.offer(server, self.registry.replace(server, [one for one in listed if one.name not in names]))

    def held(self) -> list[Quarantined]:
        """All that is in quarantine, by name."""
        return sorted((one for held in self._held.values() for one in held), key=lambda one: one.name)
