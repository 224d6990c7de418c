"""Which limits hold for a boxed tool server with all its children? Those of a control group, as for boxes of code.

Limits of a process multiply: 300 children of 1 MB each ran below a limit of 64 MB. The group is made before the server
and removed after it; what a killed tool runner left is removed when the next one starts."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from tool_runner.adapters.sandbox.control_groups import ControlGroup, Layout, found_layout, now, remove_leftovers
from tool_runner.domain.sandbox import SandboxUnavailable

log = structlog.get_logger()

PROCESSES_MAX = 64
"""Processes and threads, the two of the box included. Programs for Node take about 30."""
CLOSING_SECONDS, CLOSING_SECONDS_MAX = 0.005, 5.0


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """Of one server; `memory_bytes` 0 is no limit."""

    layout: Layout
    memory_bytes: int
    processes: int


def layout_for_servers(server: str) -> Layout | None:
    """Where their groups are made, tried once. Raises SandboxUnavailable where root, who can have them, cannot make
    any. Others rarely may: their servers keep the limits of a process, which the log tells."""
    try:
        layout = found_layout()
        remove_leftovers(layout)
        ControlGroup(layout, 0).removed()
    except OSError as error:
        if os.geteuid() == 0:
            raise SandboxUnavailable(
                f"servers.{server}.sandbox: its memory and processes cannot be limited ({error}); let the tool runner "
                "write control groups, or run it as another user, whose boxed servers have the limits of each process"
            ) from error
        log.warning("tool_server.limits_of_each_process", server=server, reason=f"no control group: {error}")
        return None
    return layout


@asynccontextmanager
async def server_group(limits: GroupLimits | None, server: str) -> AsyncIterator[list[Path]]:
    """Folders that the server joins, for as long as the block runs; afterwards nothing of it is left. Raises
    OSError."""
    if limits is None:
        yield []
        return
    group = ControlGroup(limits.layout, 0)
    try:
        group.limit(memory_bytes=limits.memory_bytes, processes=limits.processes, cpu_share=None)
        yield group.folders
    finally:
        _tell_what_was_refused(group, server)
        await _close(group, server)


def _tell_what_was_refused(group: ControlGroup, server: str) -> None:
    kills, refused = group.memory_kills(), group.refused_processes()
    if kills or refused:
        log.warning("tool_server.at_its_limits", server=server, memory_kills=kills, refused_processes=refused)


async def _close(group: ControlGroup, server: str) -> None:
    group.kill()
    until = now() + CLOSING_SECONDS_MAX
    while not group.removed():
        if now() > until:
            log.warning("tool_server.group_left", server=server, folder=str(group.folders[0]))
            return
        await asyncio.sleep(CLOSING_SECONDS)
