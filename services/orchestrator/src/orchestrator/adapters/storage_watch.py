"""How full is the log's storage, and is there room for more input?

The log has no limit of its own, since expiry inside a log would break it (ARCHITECTURE 1); so intake stops, and an
alarm rises, well before the server refuses writes.
"""

import asyncio
from dataclasses import dataclass

import nats.js.errors
import structlog
from nats.errors import Error as NatsError
from prometheus_client import Gauge

from service_kit.connection import Connection

log = structlog.get_logger()
USED = Gauge("hil_storage_used_ratio", "Stored bytes of the account by what it may store.")
EVERY_SECONDS = 10.0


@dataclass(slots=True)
class StorageWatch:
    """Looks at the account's storage. `bytes_max` is the limit where the account declares none; `stop_ratio` the share
    of it at which intake over HTTP stops."""

    connection: Connection
    bytes_max: int
    stop_ratio: float
    ratio: float = 0.0

    @property
    def has_room(self) -> bool:
        """Whether more input is welcome."""
        return self.ratio < self.stop_ratio

    async def run(self, stop: asyncio.Event) -> None:
        """Look every ten seconds until `stop`."""
        while not stop.is_set():
            await self.look()
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Look once; what was known stays known while the server does not answer."""
        try:
            account = await self.connection.jetstream.account_info()
        except (NatsError, nats.js.errors.Error, TimeoutError) as error:
            log.warning("storage.unknown", reason=type(error).__name__)
            return
        declared = account.limits.max_storage
        self.ratio = account.storage / (declared if declared > 0 else self.bytes_max)
        USED.set(self.ratio)
        if not self.has_room:
            log.error("storage.intake_stopped", used_bytes=account.storage, ratio=round(self.ratio, 3))
