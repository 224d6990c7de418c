"""What would the database be if exactly the expected calls had been made, to a fresh server of the same kind?"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client, MCPError, StdioServerParameters, stdio_client
from pydantic import JsonValue

from hil.domain_file import Domain, Task
from hil.outcome import CommandError, bad_input

CALL_SECONDS_MAX = 60.0

Json = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ServerState:
    """What a tool server keeps under one state key: its call log, oldest first, and everything else."""

    database: Json = field(default_factory=dict)
    calls: tuple[Json, ...] = ()


@dataclass(slots=True)
class ExpectedStates:
    """A tool server of our own, beside the system; calls go to it one after the other."""

    domain: Domain
    directory: Path
    client: Client
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def after(self, task: Task, key: str) -> ServerState:
        """The state under the key of a task after its expected calls."""
        state_key = self.domain.state_key(key)
        await self.touch(state_key)
        for action in task.actions:
            await self._call(action.name, {**action.arguments, self.domain.file.state_argument: state_key})
        return self._read(state_key)

    async def fresh(self) -> ServerState:
        """The state under a key of which nothing was ever asked."""
        state_key = self.domain.state_key("untouched")
        await self.touch(state_key)
        return self._read(state_key)

    async def touch(self, state_key: str) -> None:
        """Let the server create the state of a key, through the tool that shows its call log."""
        if self.domain.file.call_log_tool is not None:
            await self._call(self.domain.file.call_log_tool, {self.domain.file.state_argument: state_key})

    def _read(self, state_key: str) -> ServerState:
        """A check of states that are not there would always hold."""
        state = read_state(self.domain, self.directory, state_key)
        if state is None:
            where = ", ".join(map(str, state_dirs(self.domain, self.directory)))
            raise CommandError(f"{self.domain.name}: its tool server wrote no state for {state_key} in {where}")
        return state

    async def _call(self, tool: str, arguments: dict[str, Any]) -> None:
        async with self._one, asyncio.timeout(CALL_SECONDS_MAX):
            try:
                await self.client.session.call_tool(tool, arguments)
            except MCPError:  # Some expected calls fail by design; their effect is in the state like any other's.
                return


@asynccontextmanager
async def expected_states(domain: Domain, directory: Path) -> AsyncIterator[ExpectedStates]:
    """A server of the domain whose `{data_dir}` is `directory`, for as long as the block runs."""
    command, environment = domain.file.server.started_with(data_dir=directory)

    parameters = StdioServerParameters(command=command[0], args=command[1:], env=environment)
    log_file = directory.parent / "expected-server.log"
    try:
        with log_file.open("a") as errors:
            async with Client(stdio_client(parameters, errlog=errors)) as client:
                yield ExpectedStates(domain, directory, client)
    except ExceptionGroup as group:  # The library wraps whatever is raised inside the block.
        raise _innermost(group) from group


def read_state(domain: Domain, directory: Path, state_key: str) -> ServerState | None:
    """What the server has written under a state key; None when it was never asked."""
    name = f"{hashlib.sha256(state_key.encode()).hexdigest()}.json"
    for state_dir in state_dirs(domain, directory):
        if (file := state_dir / name).is_file():
            content = json.loads(file.read_text("utf-8"))
            calls = content.pop("calls", [])
            return ServerState(content.get("db", content), tuple(map(_made, calls)))
    return None


def _made(call: Json) -> Json:
    """Name and arguments of one entry of the call log."""
    inner = call.get("tau2_tool_call", call)
    assert isinstance(inner, dict), f"an entry of the call log is not a call: {str(call)[:200]}"
    return {"name": inner.get("name"), "arguments": inner.get("arguments")}


def state_dirs(domain: Domain, directory: Path) -> list[Path]:
    """Where the server keeps its states; raises CommandError when the domain does not say."""
    _, environment = domain.file.server.started_with(data_dir=directory)
    declared = domain.file.server.env
    found = [Path(environment[name]) for name, value in declared.items() if "{data_dir}" in value]
    if not found:
        raise bad_input(f"{domain.name}: no value of server.env holds {{data_dir}}: there is no database to compare")
    return found


def _innermost(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
