"""When is it worth looking at the log of a key again? NATS tells whoever listens that somebody wrote."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import nats.errors
from nats.aio.msg import Msg

from contracts.subjects import fence_of, live_subject
from service_kit.connection import Connection

SECOND_LOOK_SECONDS = 0.3
"""Who listens may hear of a message before the stream has it; so each time there is a second look, and with the next
heartbeat a third."""
LOOKS = 3
CUSTOMER_TYPES = b'{"author":"customer"}'


@dataclass(slots=True)
class Ear:
    """What was heard of a key since it was asked last: bounded, however much was."""

    connection: Connection
    _heard: asyncio.Event = field(default_factory=asyncio.Event)
    _looks_due: int = 0
    _typed: bool = False
    _reconnects: int = 0

    async def wait(self, seconds: float) -> None:
        """Until something is heard, a second look is due, or the time is over."""
        patience = min(seconds, SECOND_LOOK_SECONDS) if self._looks_due == LOOKS - 1 else seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._heard.wait()
        self._heard.clear()

    def should_look(self) -> bool:
        """Whether the log may have grown; asked once after each wait."""
        reconnects = self.connection.client.stats["reconnects"]
        if reconnects != self._reconnects:  # What was written meanwhile was not heard.
            self._reconnects, self._looks_due = reconnects, LOOKS
        self._looks_due, due = max(0, self._looks_due - 1), self._looks_due
        return due > 0

    def has_typed(self) -> bool:
        """Whether a person of the house was typing; asked once after each wait."""
        self._typed, typed = False, self._typed
        return typed

    def wake(self) -> None:
        """End a wait now."""
        self._heard.set()

    async def on_written(self, _: Msg) -> None:
        self._looks_due = LOOKS
        self._heard.set()

    async def on_typed(self, msg: Msg) -> None:
        if msg.data != CUSTOMER_TYPES:
            self._typed = True
            self._heard.set()


@dataclass(frozen=True, slots=True)
class KeyWakes:
    """Listens to single keys over the service's connection."""

    connection: Connection

    @asynccontextmanager
    async def listening(self, tenant: str, key: str) -> AsyncIterator[Ear]:
        """Hears of everything that is written for the key from here on."""
        client = self.connection.client
        ear = Ear(self.connection, _reconnects=client.stats["reconnects"])
        subscriptions = [
            await client.subscribe(fence_of(tenant, key), cb=ear.on_written),
            await client.subscribe(live_subject("typing", tenant, key), cb=ear.on_typed),
        ]
        try:
            await client.flush()  # From here on the server knows of them.
            yield ear
        finally:
            for subscription in subscriptions:
                with suppress(nats.errors.Error):
                    await subscription.unsubscribe()

    async def tell_typing(self, tenant: str, key: str) -> None:
        """That the customer is typing. Core NATS: nothing is stored, nobody waits for an answer."""
        client = self.connection.client
        with suppress(nats.errors.Error):
            await client.publish(live_subject("typing", tenant, key), CUSTOMER_TYPES)
