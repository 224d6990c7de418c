"""What does the measurement of analytics run on: a server with a log to read, and the service as a process?"""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp

from contracts.envelope import Identity, Message, derive_message_id
from contracts.executions import ExecutionFinished
from hil.bench.analytics_story import TENANT, noted
from hil.bench.analytics_tally import Tally
from hil.bench.measured_service import MeasuredService
from hil.embedded.nats_server import NatsServer, start_nats
from service_kit.bus import publish
from service_kit.connection import Connection, connected
from service_kit.streams import ensure_streams

STANDSTILL_SECONDS = 60.0
PUBLISHED_AT_ONCE = 500


@dataclass(slots=True)
class AnalyticsStack:
    """Everything in `directory`; the service can be killed and started again."""

    directory: Path
    service: MeasuredService = field(init=False)
    server: NatsServer = field(init=False)

    def __post_init__(self) -> None:
        self.service = MeasuredService("analytics", self.directory)

    @property
    def store_url(self) -> str:
        """The store of the service."""
        return f"sqlite:///{self.directory}/analytics.sqlite3"

    def start_server(self) -> None:
        """NATS alone."""
        self.server = start_nats(self.directory / "nats")

    async def start_service(self) -> None:
        """Returns when it is ready."""
        settings = {
            "ANALYTICS_NATS_URL": self.server.url,
            "ANALYTICS_STORE_URL": self.store_url,
            "ANALYTICS_HTTP_PORT": str(self.service.port),
            "ANALYTICS_LOG_LEVEL": "warning",
            "ANALYTICS_ACCESS": "open",  # On loopback; what lets somebody in is not what is measured.
        }
        await self.service.start(settings)

    async def counted_through(self, sequence: int) -> None:
        """Wait until everything up to a sequence is counted. Raises TimeoutError when that stands still."""
        known, since = -1, time.monotonic()
        while not await self.is_counted(sequence, within_seconds=1.0):
            now = await self._counted()
            if now != known:
                known, since = now, time.monotonic()
            elif time.monotonic() - since > STANDSTILL_SECONDS:
                raise TimeoutError(f"counting stands still at {known} of {sequence}")

    async def is_counted(self, sequence: int, *, within_seconds: float) -> bool:
        """Whether everything up to a sequence is counted before this time is over."""
        deadline = time.monotonic() + within_seconds
        while time.monotonic() < deadline:
            if await self._counted() >= sequence:
                return True
            await asyncio.sleep(0.05)
        return False

    async def _counted(self) -> int:
        return int((await self.answered("/v1/executions/bench/none"))["as_of_seq"])

    async def answered(self, path: str, question: object = None) -> dict[str, Any]:
        """What the service says; raises where it does not answer with 200."""
        method = "GET" if question is None else "POST"
        async with (
            aiohttp.ClientSession(self.service.base_url) as session,
            session.request(method, path, json=question) as response,
        ):
            if response.status != 200:
                raise RuntimeError(f"{path}: {response.status} {await response.text()}")
            answer: dict[str, Any] = await response.json()
            return answer

    def stop(self) -> None:
        """Everything."""
        self.service.stop()
        self.server.stop()


async def fill_log(
    server: NatsServer, events: int, *, seed: int, repeated_each: int | None = None
) -> tuple[Tally, int]:
    """Whole conversations of at least so many messages; what they say, and the last one's sequence. Of each so many
    ends of executions one is stored a second time under another message id, as a repeated decision is."""
    tally, rng, last = Tally(), random.Random(seed), 0  # noqa: S311
    async with connected(server.url, service="bench") as connection:
        await ensure_streams(connection.jetstream)
        story = _story(events, rng, tally, repeated_each)
        while batch := list(islice(story, PUBLISHED_AT_ONCE)):
            last = max(await asyncio.gather(*(_publish(connection, *one) for one in batch)))
    return tally, last


def _story(
    events: int, rng: random.Random, tally: Tally, repeated_each: int | None
) -> Iterator[tuple[str, int, Message]]:
    number = written = 0
    while written < events:
        for ordinal, (key, message) in enumerate(noted(number, rng, tally)):
            written += 1
            yield key, ordinal, message
            if repeated_each is not None and number % repeated_each == 0 and isinstance(message, ExecutionFinished):
                yield key, ordinal + 1_000, message
        number += 1


async def _publish(connection: Connection, key: str, ordinal: int, message: Message) -> int:
    id_ = derive_message_id(f"{TENANT}/{key}", message.route.type, ordinal)
    return await publish(connection, message, Identity(TENANT, key, id_, "bench"))
