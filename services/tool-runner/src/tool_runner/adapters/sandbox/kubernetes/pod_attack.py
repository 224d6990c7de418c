"""Do pods hold what their manifest asks for, in this cluster, today? They are attacked before they are used.

A network plugin that knows no policies, a RuntimeClass without gVisor, an admission rule that mounts a token: a cluster
takes the manifest in each case and keeps its word in none."""

import asyncio
import inspect
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from tool_runner.adapters.sandbox.kubernetes import pod_probes
from tool_runner.adapters.sandbox.recipe import DISK_BYTES_MAX
from tool_runner.adapters.sandbox.self_attack import Finding
from tool_runner.domain.sandbox import MIB, Sandbox, SandboxLimits, SandboxResult, SandboxUnavailable

_PATIENT = SandboxLimits(wall_seconds_max=20)
_METADATA = ("169.254.169.254", 80)
"""Of a cloud's machines, with their credentials."""
_MEMORY = "held = bytearray(2**30)\nfor at in range(0, 2**30, 4096): held[at] = 1\nresult = len(held)"
_DISK = """
written = 0
try:
    with open('/box/large', 'wb', buffering=0) as file:
        while written < 2**28: written += file.write(bytes(2**20))
except OSError: pass
result = written
"""
_FLOOD = "while True: print('x' * 1000)"
_ENDLESS = """
import signal
for number in {*range(1, 32)} - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)
while True: pass
"""


def _bounded(most: int) -> Callable[[SandboxResult], str]:
    """Whether it was refused or ended for it: it did not get more."""

    def judged(ended: SandboxResult) -> str:
        got = ended.result if isinstance(ended.result, int) else 0
        return f"{got} bytes, the limit is {most}" if got > most else ""

    return judged


def _killed_by(limit: str) -> Callable[[SandboxResult], str]:
    return lambda ended: "" if ended.killed_by == limit else f"ended by {ended.killed_by}, not by {limit}"


_LIMITS: dict[str, tuple[str, SandboxLimits, Callable[[SandboxResult], str]]] = {
    "memory": (_MEMORY, _PATIENT, _bounded(512 * MIB)),
    "disk": (_DISK, _PATIENT, _bounded(DISK_BYTES_MAX)),
    "output": (_FLOOD, _PATIENT, _killed_by("output")),
    "time": (_ENDLESS, SandboxLimits(wall_seconds_max=1), _killed_by("wall")),
}


async def pod_attack(sandbox: Sandbox, *, api_url: str, at_once: int) -> list[Finding]:
    """All attacks. Raises SandboxUnavailable where nothing runs at all."""
    free = asyncio.Semaphore(at_once)

    async def in_turn(attack: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
        async with free:
            return await attack()

    attacks = [in_turn(lambda: probed(sandbox, api_url)), *(in_turn(_attack(sandbox, name)) for name in _LIMITS)]
    tasks = [asyncio.ensure_future(attack) for attack in attacks]
    try:
        found = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [finding for part in found for finding in part]


def _attack(sandbox: Sandbox, name: str) -> Callable[[], Awaitable[list[Finding]]]:
    code, limits, judged = _LIMITS[name]

    async def attack() -> list[Finding]:
        return [Finding(name, judged(await sandbox.execute(code, None, limits)))]

    return attack


async def probed(sandbox: Sandbox, api_url: str) -> list[Finding]:
    """What got through of the probes. Raises SandboxUnavailable where they do not run."""
    code = f"{inspect.getsource(pod_probes)}\nresult = attacked(inputs)"
    addresses = [*(await _addresses(api_url)), _METADATA]
    ended = await sandbox.execute(code, {"addresses": [[host, port] for host, port in addresses]}, _PATIENT)
    if not isinstance(ended.result, dict) or ended.result.keys() != pod_probes.PROBES.keys():
        raise SandboxUnavailable(f"a pod cannot run what attacks it: {ended.error or ended.killed_by}")
    return [Finding(name, str(through)) for name, through in ended.result.items()]


async def _addresses(api_url: str) -> list[tuple[str, int]]:
    """As numbers: a pod has no name service."""
    parts = urlsplit(api_url)
    port = parts.port or 443
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SandboxUnavailable(f"the address of {api_url} is not known: {error}") from error
    return sorted({(str(address[0]), port) for *_, address in found})
