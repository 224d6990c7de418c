"""How do all configured servers start, and end after the last call?"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from service_kit.tasks import end_task
from tool_runner.adapters.code_tools import CodeTools
from tool_runner.adapters.knowledge import KnowledgeServer, KnowledgeUnusable
from tool_runner.adapters.manifest_file import ConfiguredServer, ManifestError
from tool_runner.adapters.mcp_client import McpServer
from tool_runner.adapters.mcp_process import Launch
from tool_runner.adapters.openapi_server import OpenApiServer
from tool_runner.adapters.python_tools import PythonTools
from tool_runner.adapters.remote_server import RemoteServer
from tool_runner.adapters.tool_offer import ToolOffer
from tool_runner.adapters.tool_sources import Builtin, CodeFiles, Functions, Knowledge, OpenApi, RemoteMcp
from tool_runner.domain.sandbox import Sandbox

RunningSource = McpServer | RemoteServer | OpenApiServer | PythonTools | CodeTools | KnowledgeServer


@dataclass(frozen=True, slots=True)
class ServerBoxes:
    """Where servers in a sandbox have their folders, and as whom root runs them."""

    folder: Path
    uid: int

    def of(self, number: int) -> "ServerBoxes":
        """Each server has a user of its own."""
        return replace(self, uid=self.uid + number)


@asynccontextmanager
async def running_servers(
    configured: Sequence[ConfiguredServer], offer: ToolOffer, *, sandbox: Sandbox | None, boxes: ServerBoxes
) -> AsyncIterator[Mapping[str, RunningSource]]:
    """All servers; they are stopped after the last call has ended. Raises ManifestError for tools that cannot be
    made here, SandboxUnavailable where a server cannot have its box."""
    stop = asyncio.Event()
    servers = {
        server.rules.name: source_of(server, offer, sandbox=sandbox, boxes=boxes.of(number))
        for number, server in enumerate(configured)
    }
    async with AsyncExitStack() as closing, asyncio.TaskGroup() as group:
        writing = group.create_task(offer.catalogue.run())
        for running in servers.values():
            if isinstance(running, McpServer | RemoteServer | KnowledgeServer):
                group.create_task(running.run(stop))
            if not isinstance(running, McpServer | RemoteServer):  # Those say later what they have.
                await offer.take(running.name, running.listed())
            if isinstance(running, OpenApiServer):
                closing.push_async_callback(running.close)
        try:
            yield servers
        finally:
            stop.set()
            await end_task(writing)


def source_of(
    server: ConfiguredServer, offer: ToolOffer, *, sandbox: Sandbox | None, boxes: ServerBoxes
) -> RunningSource:
    """What makes the calls of one server. Raises ManifestError."""
    name = server.rules.name
    match server.source:
        case Functions(by_tool):
            return PythonTools(name, by_tool)
        case Launch() as launch:
            return McpServer(name, launch.boxed(boxes.folder, boxes.uid), server.limits, offer.take)
        case RemoteMcp() as address:
            return RemoteServer(server.rules, address, server.limits, offer.take)
        case OpenApi() as document:
            return OpenApiServer(server.rules, document, server.limits)
        case CodeFiles(by_tool):
            return CodeTools(server.rules, by_tool, _surely(sandbox, name), server.limits)
        case Builtin():
            return CodeTools(server.rules, None, _surely(sandbox, name), server.limits)
        case Knowledge():
            return _knowledge(name, server.source, offer)


def _knowledge(name: str, source: Knowledge, offer: ToolOffer) -> KnowledgeServer:
    try:
        return KnowledgeServer(name, source.folder, embeddings=source.embeddings, offer=offer.take)
    except KnowledgeUnusable as error:
        raise ManifestError(f"servers.{name}.folder: {error}") from error


def _surely(sandbox: Sandbox | None, name: str) -> Sandbox:
    if sandbox is None:
        raise ManifestError(f"servers.{name}: its tools are code, and this tool runner has no sandbox to run it in")
    return sandbox


def is_settled(server: object) -> bool:
    """Whether a server that has to be started or reached was tried."""
    return not isinstance(server, McpServer | RemoteServer) or server.settled.is_set()
