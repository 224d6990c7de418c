"""How does the tool runner ask its keeper to start and end boxes?"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tool_runner.adapters.sandbox.keeper import MESSAGE_BYTES_MAX
from tool_runner.domain.sandbox import SandboxLimits, SandboxUnavailable

START_SECONDS_MAX = 10.0
_GONE = "the keeper of the sandboxes ended"


@dataclass(frozen=True, slots=True)
class Program:
    """What closes the box, and as whom it runs. `places` are the descriptors as which it gets output, job, report and
    filter; `processes_more` are its own."""

    command: Sequence[str]
    environment: Mapping[str, str]
    uid: int | None
    places: Sequence[Sequence[int]]
    descriptors_max: int = 128
    processes_more: int = 0


@dataclass(frozen=True, slots=True)
class BoxEnd:
    """How a box ended, as the keeper saw it. Nothing of it runs any more."""

    status: int
    killed_by: str | None
    memory_kills: int
    refused_processes: int


class KeeperClient:
    """The tool runner's end of the socket."""

    def __init__(self, keeper: socket.socket) -> None:
        self._keeper = keeper
        self._ends: dict[int, asyncio.Future[BoxEnd]] = {}
        self._going: dict[int, asyncio.Future[None]] = {}
        self._number = 0
        self.gone = asyncio.Event()
        self._said = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(keeper.fileno(), self._hear)

    async def ready(self) -> None:
        """Raises SandboxUnavailable with what the keeper lacks."""
        async with asyncio.timeout(START_SECONDS_MAX):
            said = await self._said
        if said != "ready":
            raise SandboxUnavailable(said)

    def next_number(self) -> int:
        """Of the next box."""
        self._number += 1
        return self._number

    def start(self, number: int, program: Program, descriptors: Sequence[int]) -> asyncio.Future[BoxEnd]:
        """Start a box under the default limits; its descriptors are closed here. Its end to come."""
        end: asyncio.Future[BoxEnd] = asyncio.get_running_loop().create_future()
        end.add_done_callback(_noted)
        self._ends[number] = end
        asked = {
            "do": "start",
            "box": number,
            **asdict(program),
            "seconds": START_SECONDS_MAX,
            "memory_bytes": SandboxLimits().memory_bytes_max,
            "processes": SandboxLimits().processes_max,
        }
        try:
            socket.send_fds(self._keeper, [json.dumps(asked).encode()], list(descriptors))
        except OSError as error:
            del self._ends[number]
            raise SandboxUnavailable(_GONE) from error
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return end

    async def go(self, box: int, limits: SandboxLimits) -> None:
        """Returns when the limits hold, and the deadline runs: only then may the box get its code, which would
        otherwise run under the limits of the start for as long as the keeper is busy. Also when it has ended."""
        going = self._going[box] = asyncio.get_running_loop().create_future()
        if box not in self._ends:
            self._gone(box)
        self._tell(
            {
                "do": "go",
                "box": box,
                "memory_bytes": limits.memory_bytes_max,
                "processes": limits.processes_max,
                "cpu_share": limits.cpu_share_max,
                "seconds": limits.wall_seconds_max,
            }
        )
        await going

    def wait(self, box: int) -> None:
        """It has started, and waits for its job however long that takes."""
        self._tell({"do": "wait", "box": box})

    def end(self, box: int, why: str | None) -> None:
        """Kill all of it."""
        self._tell({"do": "end", "box": box, "why": why})

    def close(self) -> None:
        """Hang up: the keeper ends all boxes and itself."""
        asyncio.get_running_loop().remove_reader(self._keeper.fileno())
        self._keeper.close()
        self._give_up()

    def _tell(self, message: Mapping[str, object]) -> None:
        with suppress(OSError):  # It is gone: all ends are told as such.
            self._keeper.send(json.dumps(message).encode())

    def _hear(self) -> None:
        try:
            text = self._keeper.recv(MESSAGE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            text = b""
        if not text:
            asyncio.get_running_loop().remove_reader(self._keeper.fileno())
            self._give_up()
            return
        self._take(json.loads(text))

    def _take(self, said: dict[str, str | int | None]) -> None:
        if "keeper" in said:
            self._said.set_result(str(said["keeper"]))
            return
        number = int(said["box"] or 0)
        self._gone(number)
        if "going" in said:
            return
        end = self._ends.pop(number, None)
        if end is None or end.done():
            return
        if "failed" in said:
            end.set_exception(SandboxUnavailable(f"a sandbox could not be made: {said['failed']}"))
            return
        end.set_result(
            BoxEnd(
                status=int(said["status"] or 0),
                killed_by=None if said["killed_by"] is None else str(said["killed_by"]),
                memory_kills=int(said["memory_kills"] or 0),
                refused_processes=int(said["refused_processes"] or 0),
            )
        )

    def _gone(self, box: int) -> None:
        """Whoever waits for its limits waits no more."""
        going = self._going.pop(box, None)
        if going is not None and not going.done():
            going.set_result(None)

    def _give_up(self) -> None:
        self.gone.set()
        for box in [*self._going]:
            self._gone(box)
        if not self._said.done():
            self._said.set_result(_GONE)
        for end in self._ends.values():
            if not end.done():
                end.set_exception(SandboxUnavailable(_GONE))
        self._ends.clear()


def _noted(end: asyncio.Future[BoxEnd]) -> None:
    """Nobody may be waiting for it any more, which is no error."""
    if not end.cancelled():
        end.exception()


@asynccontextmanager
async def running_keeper(image: Path, program: Path) -> AsyncIterator[KeeperClient]:
    """A keeper for as long as the block runs; afterwards it and all boxes are gone. Raises SandboxUnavailable."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "tool_runner.adapters.sandbox.keeper", str(image), str(program)),
            stdin=theirs.fileno(),
            env={},
            start_new_session=True,
        )
    finally:
        theirs.close()
    client = KeeperClient(ours)
    try:
        await client.ready()
        yield client
    finally:
        client.close()
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
