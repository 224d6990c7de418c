"""What does the measurement of the inbox run on: a server, the service as a process, a desk's token?"""

import time
from dataclasses import dataclass, field
from pathlib import Path

from document_store import opened_store
from hil.bench.measured_service import MeasuredService
from hil.embedded.nats_server import NatsServer, start_nats
from hil.embedded.redis_server import RedisServer, start_redis
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.api.tokens import NewToken, made

TENANT = "bench"
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
    token: str = ""
    inbox: MeasuredService = field(init=False)
    server: NatsServer = field(init=False)
    redis: RedisServer = field(init=False)

    def __post_init__(self) -> None:
        self.inbox = MeasuredService("hil_inbox", self.directory)

    @property
    def store_url(self) -> str:
        """The inbox's store."""
        return f"sqlite:///{self.directory}/inbox.sqlite3"

    def headers(self, actor_id: str) -> dict[str, str]:
        """A desk that names its agent."""
        return {"Authorization": f"Bearer {self.token}", "Hil-Actor": actor_id}

    async def start(self) -> None:
        """The servers, then the inbox."""
        self.server, self.redis = start_nats(self.directory / "nats"), start_redis(self.directory / "redis")
        wanted = NewToken(label="bench", actor_id=None, role="admin", scopes=("inbox:read", "inbox:act", "act_as"))
        self.token, token = made(wanted, tenant=TENANT, created_by="bench", now_ms=time.time_ns() // 1_000_000)
        async with opened_store(self.store_url) as store:
            await TokenStore(store).prepare()
            await TokenStore(store).add(self.token, token)
        await self.start_inbox()

    async def start_inbox(self) -> None:
        """Returns when it is ready."""
        settings = {
            "HIL_INBOX_NATS_URL": self.server.url,
            "HIL_INBOX_REDIS_URL": self.redis.url,
            "HIL_INBOX_HTTP_PORT": str(self.inbox.port),
            "HIL_INBOX_STORE_URL": self.store_url,
            "HIL_INBOX_QUEUES_FILE": str(self._queues_file()),
            "HIL_INBOX_LOG_LEVEL": "warning",
            "HIL_INBOX_FEED_EVENTS_MAX": "50000",
            "HIL_INBOX_FEED_BYTES_MAX": str(1 << 30),
        }
        await self.inbox.start(settings)

    def _queues_file(self) -> Path:
        file = self.directory / "queues.yaml"
        file.write_text(QUEUES)
        return file

    def stop(self) -> None:
        """Everything."""
        self.inbox.stop()
        self.redis.stop()
        self.server.stop()
