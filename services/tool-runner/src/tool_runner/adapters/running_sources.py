"""How do all configured servers start, and end after the last call?"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from service_kit.tasks import end_task
from tool_runner.adapters.manifest_file import ConfiguredServer, ManifestError
from tool_runner.adapters.mcp_client import McpServer
from tool_runner.adapters.mcp_process import Launch
from tool_runner.adapters.openapi_server import OpenApiServer
from tool_runner.adapters.python_tools import PythonTools
from tool_runner.adapters.remote_server import RemoteServer
from tool_runner.adapters.tool_offer import ToolOffer
from tool_runner.adapters.tool_sources import Functions, OpenApi, RemoteMcp

RunningSource = McpServer | RemoteServer | OpenApiServer | PythonTools


@asynccontextmanager
async def running_servers(
    configured: Sequence[ConfiguredServer], offer: ToolOffer
) -> AsyncIterator[Mapping[str, RunningSource]]:
    """All servers; they are stopped after the last call has ended."""
    stop = asyncio.Event()
    servers: dict[str, RunningSource] = {}
    async with AsyncExitStack() as closing, asyncio.TaskGroup() as group:
        writing = group.create_task(offer.catalogue.run())
        for server in configured:
            running = source_of(server, offer)
            servers[server.rules.name] = running
            if isinstance(running, McpServer | RemoteServer):
                group.create_task(running.run(stop))
            else:
                await offer.take(running.name, running.listed())
            if isinstance(running, OpenApiServer):
                closing.push_async_callback(running.close)
        try:
            yield servers
        finally:
            stop.set()
            await end_task(writing)


def source_of(server: ConfiguredServer, offer: ToolOffer) -> RunningSource:
    """What makes the calls of one server. Raises ManifestError."""
    match server.source:
        case Functions(by_tool):
            return PythonTools(server.rules.name, by_tool)
        case Launch() as launch:
            return McpServer(server.rules.name, launch, server.limits, offer.take)
        case RemoteMcp() as address:
            return RemoteServer(server.rules, address, server.limits, offer.take)
        case OpenApi() as document:
            return OpenApiServer(server.rules, document, server.limits)
        case other:
            raise ManifestError(f"servers.{server.rules.name}: tools of {type(other).__name__} are not made here yet")


def is_settled(server: object) -> bool:
    """Whether a server that has to be started or reached was tried."""
    return not isinstance(server, McpServer | RemoteServer) or server.settled.is_set()
