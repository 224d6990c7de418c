"""How is one service run as a process to be measured: started, killed, and asked what it has used?"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

from hil.embedded.ports import LOOPBACK, free_port
from hil.embedded.processes import Child, Command

READY_SECONDS = 60.0


@dataclass(slots=True)
class MeasuredService:
    """The service of a Python `module`, with its log in `directory`; it may be killed and started again, on the same
    port."""

    module: str
    directory: Path
    port: int = field(default_factory=free_port)
    _child: Child | None = None

    @property
    def base_url(self) -> str:
        """The service over HTTP."""
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self, settings: Mapping[str, str]) -> None:
        """Returns when it is ready."""
        arguments = (sys.executable, "-m", self.module)
        log_file = self.directory / f"{self.module}.log"
        self._child = Child(Command(self.module, arguments, log_file, {**os.environ, **settings}))
        self._child.start()
        async with aiohttp.ClientSession(self.base_url) as session, asyncio.timeout(READY_SECONDS):
            while not await _is_ready(session):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    def cpu_seconds(self) -> float:
        """What it has used since it was started last."""
        used = psutil.Process(self._pid).cpu_times()
        return float(used.user + used.system)

    def rss_mb(self) -> float:
        """What it holds in memory now."""
        return float(psutil.Process(self._pid).memory_info().rss) / 1_048_576

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self._pid, 9)
        self.stop()

    def stop(self) -> None:
        """End it, if it was ever started."""
        if self._child is not None:
            self._child.stop()

    @property
    def _pid(self) -> int:
        assert self._child is not None, f"{self.module} was never started"
        return self._child.pid


async def _is_ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/readyz") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
