"""Does the sandbox hold on this machine, today? It is attacked before it is used; what was not tried is not believed.

Nothing is remembered from one start to the next: the kernel, its settings and this code may be others."""

import asyncio
import ctypes
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from pydantic import JsonValue

from tool_runner.adapters.sandbox import probes
from tool_runner.adapters.sandbox.probes import BEHIND_THE_FILTER, PROBES
from tool_runner.domain.sandbox import MIB, Sandbox, SandboxLimits, SandboxResult, SandboxUnavailable

PATIENT = SandboxLimits(wall_seconds_max=20)
_IPC_CREATE, _IPC_REMOVE = 0o1000, 0
_SMALL = SandboxLimits(wall_seconds_max=20, memory_bytes_max=48 * MIB, processes_max=12, output_bytes_max=32 * 1024)
_MEMORY = """
import os
for _ in range(3):
    if os.fork() == 0:
        break
held = [bytearray(8 * 2**20) for _ in range(100)]
while True: pass
"""
_FORKS = """
import os, signal
children = []
try:
    while len(children) < 100:
        child = os.fork()
        if child == 0: signal.pause()
        children.append(child)
except BlockingIOError: pass
result = len(children)
"""
_DISK = """
written = 0
try:
    with open('/box/large', 'wb', buffering=0) as file:
        while written < 2**27: written += file.write(bytes(2**20))
except OSError: pass
result = written
"""
_ORPHAN = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(3600)
    os._exit(0)
"""
FLOOD = "while True: print('x' * 1000)"
ENDLESS = """
import signal
for number in {*range(1, 32)} - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)
while True: pass
"""


LimitAttack: TypeAlias = tuple[str, SandboxLimits, Callable[[SandboxResult], str]]
"""Code, the limits under which it runs, and what got through of the end that it came to."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one attack. `through` is what it reached; empty: the sandbox held."""

    attack: str
    through: str


LIMITS = ("memory_of_all_processes", "number_of_processes", "disk", "output", "time", "orphan")


@dataclass(frozen=True, slots=True)
class Attacked:
    """A sandbox, and the same one without its filter of system calls: a fence behind another is tried alone."""

    whole: Sandbox
    unfiltered: Sandbox | None = None
    at_once: int = 1
    probes: Sequence[str] = tuple(PROBES)
    limits: Sequence[str] = LIMITS


async def self_attack(attacked: Attacked, directory: Path) -> list[Finding]:
    """All attacks. Raises SandboxUnavailable where nothing runs at all."""
    async with baits(directory) as inputs:
        attacks = [partial(probed, attacked.whole, inputs, attacked.probes)]
        if attacked.unfiltered is not None:
            attacks.append(partial(behind_the_filter, attacked.unfiltered, inputs))
        attacks += [partial(overdone, attacked.whole, name, _LIMITS[name]) for name in attacked.limits]
        return await all_made(attacks, at_once=attacked.at_once)


async def all_made(attacks: Sequence[Callable[[], Awaitable[list[Finding]]]], *, at_once: int) -> list[Finding]:
    """What became of all attacks, in their order. What one raises ends the others."""
    free = asyncio.Semaphore(at_once)

    async def in_turn(attack: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
        async with free:
            return await attack()

    tasks = [asyncio.create_task(in_turn(attack)) for attack in attacks]
    try:
        found = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [finding for part in found for finding in part]


async def probed(
    sandbox: Sandbox, inputs: Mapping[str, JsonValue], names: Sequence[str] = tuple(PROBES)
) -> list[Finding]:
    """What got through of some probes. Raises SandboxUnavailable where they do not run."""
    code = f"{inspect.getsource(probes)}\nresult = attacked(inputs)"
    ended = await sandbox.execute(code, {**inputs, "probes": [*names]}, PATIENT)
    if not isinstance(ended.result, dict):
        raise SandboxUnavailable(f"the sandbox cannot run what attacks it: {ended.error or ended.killed_by}")
    return [Finding(name, str(through)) for name, through in ended.result.items()]


async def behind_the_filter(unfiltered: Sandbox, inputs: Mapping[str, JsonValue]) -> list[Finding]:
    """The same for the fences that the filter hides."""
    found = await probed(unfiltered, inputs, tuple(BEHIND_THE_FILTER))
    return [Finding(f"{finding.attack} (behind the filter)", finding.through) for finding in found]


@asynccontextmanager
async def baits(directory: Path) -> AsyncIterator[dict[str, JsonValue]]:
    """Things of this process that code must not reach."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    canary = directory / f"canary-{os.getpid()}"
    canary.write_text("of the host")
    abstract = f"hil-{os.getpid()}-{id(answer)}"
    local = await asyncio.start_unix_server(answer, "\0" + abstract)
    over_ip = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = over_ip.sockets[0].getsockname()[1]
    try:
        with _shared_memory() as memory:
            yield {
                **{"port": port, "abstract": abstract, "shared_memory": memory},
                **{"canary": str(canary.resolve()), "runner": os.getpid()},
            }
    finally:
        for server in (local, over_ip):
            server.close()
            await server.wait_closed()
        canary.unlink()


@contextmanager
def _shared_memory() -> Iterator[int]:
    """The key of a piece of System V memory that everybody may read."""
    libc = ctypes.CDLL(None, use_errno=True)
    key = 0x48494C << 8 | os.getpid() & 0xFF
    made = libc.shmget(key, 4096, _IPC_CREATE | 0o666)
    if made == -1:
        raise SandboxUnavailable(f"no shared memory to bait the sandbox with: {os.strerror(ctypes.get_errno())}")
    try:
        yield key
    finally:
        libc.shmctl(made, _IPC_REMOVE, None)


async def overdone(sandbox: Sandbox, name: str, attack: LimitAttack) -> list[Finding]:
    """What became of code that takes more than a limit gives."""
    code, limits, judged = attack
    return [Finding(name, judged(await sandbox.execute(code, None, limits)))]


def killed_by(limit: str) -> Callable[[SandboxResult], str]:
    """Whether it was ended for what it did."""
    return lambda ended: "" if ended.killed_by == limit else f"ended by {ended.killed_by}, not by {limit}"


def _at_most(most: int, what: str) -> Callable[[SandboxResult], str]:
    def judged(ended: SandboxResult) -> str:
        fits = isinstance(ended.result, int) and 0 < ended.result <= most
        return "" if fits else f"{ended.result} {what}, the limit is {most} {ended.error}"

    return judged


_LIMITS: dict[str, LimitAttack] = {
    "memory_of_all_processes": (_MEMORY, _SMALL, killed_by("memory")),
    "number_of_processes": (_FORKS, _SMALL, _at_most(12, "processes")),
    "disk": (_DISK, PATIENT, _at_most(64 * MIB, "bytes on disk")),
    "output": (FLOOD, _SMALL, killed_by("output")),
    "time": (ENDLESS, SandboxLimits(wall_seconds_max=0.3), killed_by("wall")),
    "orphan": (_ORPHAN, PATIENT, lambda ended: "" if ended.killed_by is None else "it delayed the end"),
}
assert tuple(_LIMITS) == LIMITS
