"""Do pods hold what their manifest asks for, in this cluster, today? They are attacked before they are used.

A network plugin that knows no policies, a RuntimeClass without gVisor, an admission rule that mounts a token: a cluster
takes the manifest in each case and keeps its word in none."""

import asyncio
import inspect
import socket
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from tool_runner.adapters.sandbox.kubernetes import pod_probes
from tool_runner.adapters.sandbox.recipe import DISK_BYTES_MAX
from tool_runner.adapters.sandbox.self_attack import (
    ENDLESS,
    FLOOD,
    PATIENT,
    Finding,
    LimitAttack,
    all_made,
    killed_by,
    overdone,
)
from tool_runner.domain.sandbox import MIB, Sandbox, SandboxLimits, SandboxResult, SandboxUnavailable

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


def _bounded(most: int) -> Callable[[SandboxResult], str]:
    """Whether it was refused or ended for it: it did not get more."""

    def judged(ended: SandboxResult) -> str:
        got = ended.result if isinstance(ended.result, int) else 0
        return f"{got} bytes, the limit is {most}" if got > most else ""

    return judged


_LIMITS: dict[str, LimitAttack] = {
    "memory": (_MEMORY, PATIENT, _bounded(512 * MIB)),
    "disk": (_DISK, PATIENT, _bounded(DISK_BYTES_MAX)),
    "output": (FLOOD, PATIENT, killed_by("output")),
    "time": (ENDLESS, SandboxLimits(wall_seconds_max=1), killed_by("wall")),
}


async def pod_attack(sandbox: Sandbox, *, api_url: str, at_once: int) -> list[Finding]:
    """All attacks. Raises SandboxUnavailable where nothing runs at all."""
    limits = [partial(overdone, sandbox, name, attack) for name, attack in _LIMITS.items()]
    return await all_made([partial(probed, sandbox, api_url), *limits], at_once=at_once)


async def probed(sandbox: Sandbox, api_url: str) -> list[Finding]:
    """What got through of the probes. Raises SandboxUnavailable where they do not run."""
    code = f"{inspect.getsource(pod_probes)}\nresult = attacked(inputs)"
    addresses = [*(await _addresses(api_url)), _METADATA]
    ended = await sandbox.execute(code, {"addresses": [[host, port] for host, port in addresses]}, PATIENT)
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
