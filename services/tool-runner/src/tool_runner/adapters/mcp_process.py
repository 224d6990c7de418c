"""How does one MCP server process live: started with limits, spoken to over pipes, killed with all its children?"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCMessage, jsonrpc_message_adapter

from pii import redact
from tool_runner.adapters.sandbox.server_command import ServerNetwork, sandboxed_command
from tool_runner.adapters.sandbox.server_group import PROCESSES_MAX, GroupLimits, layout_for_servers, server_group
from tool_runner.adapters.sandbox.server_user import user_for_server
from tool_runner.adapters.unasked import Unasked

log = structlog.get_logger()

LINE_BYTES_MAX = 16 * 1024 * 1024
"""One message of a server; a longer one is a flood, and the server is killed."""
LEAVE_SECONDS = 1.0
ERROR_LINES_MAX = 1_000
"""Lines of a server's error output that are logged in one life; the rest is read and thrown away."""
ERROR_CHARACTERS_MAX = 1_000
_LAUNCHER = str(Path(__file__).with_name("launch_child.py"))


@dataclass(frozen=True, slots=True)
class ServerBox:
    """The sandbox that a server runs in: what it may read beside programs, whether it reaches the network, and how many
    processes and threads it may have."""

    network: ServerNetwork = ServerNetwork.NONE
    readable: tuple[Path, ...] = ()
    processes_max: int = PROCESSES_MAX


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started. `env` is its whole environment: nothing is inherited."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    memory_bytes_max: int = 0
    cpu_seconds_max: int = 0
    show_errors: bool = False
    name: str = ""
    box: ServerBox | None = None
    group: GroupLimits | None = None
    """Of all its processes together; only in a box, which none of them leaves."""

    def boxed(self, folder: Path, uid: int) -> "Launch":
        """The same in its box, with a folder of its own below `folder`, where that is asked for: its working directory,
        its HOME, and all that it may write. `uid` is its user where the tool runner is root. Raises SandboxUnavailable,
        OSError."""
        if self.box is None:
            return self
        state = folder / self.name
        command = sandboxed_command(
            self.command,
            state_dir=state,
            network=self.box.network,
            readable=self.box.readable,
            uid=user_for_server(self.name, uid),
        )
        layout = layout_for_servers(self.name)
        group = None if layout is None else GroupLimits(layout, self.memory_bytes_max, self.box.processes_max)
        env = {"HOME": str(state.resolve()), **self.env}
        return replace(self, command=tuple(command), env=env, group=group)


@dataclass(slots=True)
class McpProcess:
    """A running server. `exited` is set when its output ends, whatever the reason."""

    process: asyncio.subprocess.Process
    streams: TransportStreams
    exited: asyncio.Event
    unasked: Unasked = field(default_factory=Unasked)

    @property
    def ended(self) -> bool:
        """Asks the kernel, which knows before the event loop does; the process is left to be reaped."""
        if self.exited.is_set():
            return True
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def kill(self) -> None:
        """Kill the server with its process group, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@asynccontextmanager
async def spawned(launch: Launch) -> AsyncIterator[McpProcess]:
    """A server for as long as the block runs; afterwards it and its children are gone. Raises OSError."""
    async with server_group(launch.group, launch.name) as groups, _spoken_to(launch, groups) as running:
        yield running


@asynccontextmanager
async def _spoken_to(launch: Launch, groups: Sequence[Path]) -> AsyncIterator[McpProcess]:
    process = await _start(launch, groups)
    from_server, session_reads = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    session_writes, to_server = anyio.create_memory_object_stream[SessionMessage](0)
    running = McpProcess(process, (session_reads, session_writes), asyncio.Event())
    pumps = (
        asyncio.create_task(_read(running, from_server)),
        asyncio.create_task(_write(running, to_server)),
        asyncio.create_task(_log_errors(process, launch.name)),
    )
    try:
        yield running
    finally:
        await _leave(running)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        await _reap(process)
        for stream in (from_server, session_reads, session_writes, to_server):
            stream.close()


async def _start(launch: Launch, groups: Sequence[Path]) -> asyncio.subprocess.Process:
    limits = (str(launch.memory_bytes_max), str(launch.cpu_seconds_max), str(os.getpid()), ":".join(map(str, groups)))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", _LAUNCHER, *limits, *launch.command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # It may hold arguments: never by default, and never but through our log, which takes personal data out.
        stderr=asyncio.subprocess.PIPE if launch.show_errors else asyncio.subprocess.DEVNULL,
        env=dict(launch.env),
        start_new_session=True,
        limit=LINE_BYTES_MAX,
    )


async def _read(running: McpProcess, from_server: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
    """Hand over message after message; a line that is none is dropped, as some servers print to their output."""
    output = running.process.stdout
    assert output is not None
    try:
        while line := await output.readline():
            message = _message_in(line)
            if await running.unasked.admits(message, bytes_read=len(line)) and message is not None:
                await from_server.send(SessionMessage(message))
            if running.unasked.too_much and running.ended:
                break  # Nobody waits for the rest of what it said.
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
        pass  # The session, or the server, is gone.
    except ValueError:
        log.warning("tool_server.flood", bytes_max=LINE_BYTES_MAX)
    finally:
        running.kill()
        running.exited.set()
        from_server.close()


def _message_in(line: bytes) -> JSONRPCMessage | None:
    try:
        return jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        return None


async def _log_errors(process: asyncio.subprocess.Process, server: str) -> None:
    lines = 0
    while process.stderr is not None:
        try:
            if not (line := await process.stderr.readline()):
                return
        except ValueError:  # Longer than any line should be: it is thrown away.
            continue
        if (lines := lines + 1) <= ERROR_LINES_MAX:
            text = line[: ERROR_CHARACTERS_MAX * 4].decode("utf-8", "replace").rstrip()
            log.warning("tool_server.error_output", server=server, text=redact(text)[:ERROR_CHARACTERS_MAX])


async def _write(running: McpProcess, to_server: MemoryObjectReceiveStream[SessionMessage]) -> None:
    stdin = running.process.stdin
    assert stdin is not None
    try:
        async for message in to_server:
            running.unasked.written(message.message)
            body = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            stdin.write(body.encode() + b"\n")
            await stdin.drain()
    except (ConnectionError, RuntimeError):  # uvloop says RuntimeError for a pipe that is closed.
        running.kill()


async def _leave(running: McpProcess) -> None:
    """Ask it to go by closing its input, then kill what is left of its group."""
    stdin = running.process.stdin
    assert stdin is not None
    stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_SECONDS):
            await running.exited.wait()
    running.kill()


async def _reap(process: asyncio.subprocess.Process) -> None:
    """Its end is told when its output is read: a pipe with something in it stays open."""
    assert process.stdout is not None
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(LEAVE_SECONDS * 5):
            while await process.stdout.read(LINE_BYTES_MAX):
                continue
            await process.wait()
