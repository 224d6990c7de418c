"""When are the tool runner and its MCP server killed?"""

import asyncio
import os
import signal
from dataclasses import dataclass, field

import psutil

from hil.embedded.units import ChildUnit

RUNNER_LIVES_SECONDS = 2.0
SERVER_LIVES_SECONDS = 5.0
POLL_SECONDS = 0.05


@dataclass(slots=True)
class ToolKiller:
    """SIGKILL for the runner 2 s after each time that it reports ready, and for its server every 5 s."""

    runner: ChildUnit
    server_words: tuple[str, ...]
    kills: dict[str, int] = field(default_factory=lambda: {"runner": 0, "server": 0})

    async def run(self) -> None:
        """Until cancelled; whoever supervises the runner starts it again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._runner())
            group.create_task(self._server())

    async def _runner(self) -> None:
        while True:
            if self.runner.alive and await self.runner.is_ready():
                await asyncio.sleep(RUNNER_LIVES_SECONDS)
                self.runner.kill()
                self.kills["runner"] += 1
            await asyncio.sleep(POLL_SECONDS)

    async def _server(self) -> None:
        while True:
            running = _children(self.runner.child.pid, self.server_words)
            for process_id in running:
                os.kill(process_id, signal.SIGKILL)
                self.kills["server"] += 1
            # One that is being started is killed as soon as it is there.
            await asyncio.sleep(SERVER_LIVES_SECONDS if running else POLL_SECONDS)


def _children(parent: int, words: tuple[str, ...]) -> list[int]:
    """Processes below the parent whose command ends in these words, and that are not still being launched."""
    found = []
    try:
        children = psutil.Process(parent).children(recursive=True)
    except psutil.Error:  # It is being killed or started.
        return []
    for child in children:
        try:
            command = child.cmdline()
        except psutil.Error:
            continue
        if tuple(command[-len(words) :]) == words and not any("launch_child" in word for word in command):
            found.append(child.pid)
    return found
