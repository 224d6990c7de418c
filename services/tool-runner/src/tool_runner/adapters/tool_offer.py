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

    async def take(self, server: str, listed: list[ListedTool]) -> None:
        """These are all the tools of the server now."""
        if server in self.strangers and listed:  # One that is not ready yet may list nothing: that is no first word.
            await self.blessings.loaded.wait()
            if not self.blessings.of(server):  # The versions of thousands of tools are not worked out each minute.
                await self.blessings.know(server, versions_of(listed))
        if self._listed.get(server) == listed:  # As most times; the bucket may have lost some of it all the same.
            self.catalogue.offer(server, self.registry.tools_of(server))
            return
        await self.registry.prepare(server, listed)
        self._listed[server] = listed
        self.offer(server)

    def offer(self, server: str) -> None:
        """Offer what may be offered of what the server listed last; nothing if it has listed nothing yet."""
        if server not in self._listed:
            return
        listed, rules = self._listed[server], self.registry.servers[server]
        held: dict[str, Quarantined] = {}
        if server in self.strangers:
            wanted = [tool for tool in listed if is_offered(tool.name, rules)]
            held = {one.listed.name: one for one in quarantined(server, wanted, self.blessings.of(server))}
        if held and held.keys() != self.registry.quarantined.get(server, {}).keys():
            log.warning("tools.quarantined", server=server, tools=list(held)[:20])
        self.registry.quarantined[server] = held
        self.catalogue.offer(server, self.registry.replace(server, [one for one in listed if one.name not in held]))
