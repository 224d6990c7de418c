"""What does the measurement of the inbox run on: a server, the service as a process, a desk's token?"""

import asyncio
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

from document_store import open_store
from hil.embedded.nats_server import NatsServer, start_nats
from hil.embedded.ports import LOOPBACK, free_port
from hil.embedded.processes import Child, Command
from hil.embedded.redis_server import RedisServer, start_redis
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.api.tokens import NewToken, made

TENANT = "bench"
READY_SECONDS = 60.0
QUEUES = """
queues:
  - name: general
    sla: {first_response: 8h, next_response: 8h, resolution: 2d}
"""
"""Clocks that do not run out while it lasts, and nothing said to customers as nobody is there: with the default file
each of thousands of handovers would, after five minutes, become another message in the middle of another stage."""


@dataclass(slots=True)
class InboxStack:
    """Everything in `directory`, on servers of its own; the inbox may be killed and started again."""

    directory: Path
    port: int = field(default_factory=free_port)
    token: str = ""
    server: NatsServer = field(init=False)
    redis: RedisServer = field(init=False)
    _inbox: Child = field(init=False)

    @property
    def store_url(self) -> str:
        """The inbox's store."""
        return f"sqlite:///{self.directory}/inbox.sqlite3"

    @property
    def base_url(self) -> str:
        """The inbox over HTTP."""
        return f"http://{LOOPBACK}:{self.port}"

    def headers(self, actor_id: str) -> dict[str, str]:
        """A desk that names its agent."""
        return {"Authorization": f"Bearer {self.token}", "Hil-Actor": actor_id}

    async def start(self) -> None:
        """The servers, then the inbox."""
        self.server, self.redis = start_nats(self.directory / "nats"), start_redis(self.directory / "redis")
        wanted = NewToken(label="bench", actor_id=None, role="admin", scopes=("inbox:read", "inbox:act", "act_as"))
        self.token, token = made(wanted, tenant=TENANT, created_by="bench", now_ms=time.time_ns() // 1_000_000)
        store = await open_store(self.store_url)
        try:
            await TokenStore(store).prepare()
            await TokenStore(store).add(self.token, token)
        finally:
            await store.close()
        await self.start_inbox()

    async def start_inbox(self) -> None:
        """Returns when it is ready."""
        settings = {
            "HIL_INBOX_NATS_URL": self.server.url,
            "HIL_INBOX_REDIS_URL": self.redis.url,
            "HIL_INBOX_HTTP_PORT": str(self.port),
            "HIL_INBOX_STORE_URL": self.store_url,
            "HIL_INBOX_QUEUES_FILE": str(self._queues_file()),
            "HIL_INBOX_LOG_LEVEL": "warning",
            "HIL_INBOX_FEED_EVENTS_MAX": "50000",
            "HIL_INBOX_FEED_BYTES_MAX": str(1 << 30),
        }
        command = Command(
            "inbox", (sys.executable, "-m", "hil_inbox"), self.directory / "inbox.log", {**os.environ, **settings}
        )
        self._inbox = Child(command)
        self._inbox.start()
        async with aiohttp.ClientSession(self.base_url) as session, asyncio.timeout(READY_SECONDS):
            while not await _is_ready(session):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    def _queues_file(self) -> Path:
        file = self.directory / "queues.yaml"
        file.write_text(QUEUES)
        return file

    def inbox_cpu_seconds(self) -> float:
        """What the inbox has used so far."""
        used = psutil.Process(self._inbox.pid).cpu_times()
        return float(used.user + used.system)

    def kill_inbox(self) -> None:
        """SIGKILL."""
        os.kill(self._inbox.pid, 9)
        self._inbox.stop()

    def stop(self) -> None:
        """Everything."""
        self._inbox.stop()
        self.redis.stop()
        self.server.stop()


async def _is_ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/readyz") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
