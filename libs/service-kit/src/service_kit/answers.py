"""What does the server hear of a message: it is done, it comes again later, or it is kept as a dead letter?"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import orjson
from nats.errors import Error as NatsError

from contracts.subjects import dead_letter_subject
from service_kit.connection import Connection, Refused
from service_kit.errors import RetryLater
from service_kit.pull import Arrival

RETRY_SECONDS = (1.0, 5.0, 30.0, 120.0)
BUG_TRIES_MAX = 5
DEAD_LETTER_BODY_MAX = 512 * 1024
OWN_HEADER = re.compile(r"(?!Nats-)[A-Za-z0-9_-]+\Z")
DEAD_LETTER_HEADERS_MAX = 16 * 1024


def next_delay(attempt: int) -> timedelta:
    """Wait before delivery number `attempt` + 1 (the first is 1): 1, 5, 30, 120 s, then 120 s."""
    return timedelta(seconds=RETRY_SECONDS[min(attempt, len(RETRY_SECONDS)) - 1])


@dataclass(slots=True)
class Answers:
    """Answers of one consumer. Whoever gets none, or whose answer is lost, is delivered again after ack_wait."""

    connection: Connection
    _bugs: dict[int, int] = field(default_factory=dict)

    async def accept(self, arrival: Arrival) -> None:
        """It is done."""
        await self._answer(arrival, b"+ACK")

    async def beat(self, arrival: Arrival) -> None:
        """It is being worked on."""
        await self._answer(arrival, b"+WPI")

    async def send_back(self, arrival: Arrival, delay: timedelta) -> None:
        """It comes again after a delay."""
        await self._answer(arrival, b"-NAK " + orjson.dumps({"delay": int(delay.total_seconds() * 1e9)}))

    def count_bug(self, arrival: Arrival) -> timedelta | None:
        """After our own bug: when it is to come again, or None after the last try."""
        tries = self._bugs.pop(arrival.sequence, 0) + 1
        if tries >= BUG_TRIES_MAX:
            return None
        self._bugs[arrival.sequence] = tries
        while len(self._bugs) > 10_000:
            self._bugs.pop(next(iter(self._bugs)))
        return next_delay(tries)

    async def bury(self, arrival: Arrival, reason: str) -> bool:
        """Keep the message as a dead letter, then take it off the consumer; False where it could not be kept."""
        msg, service = arrival.msg, self.connection.service
        fits = len(msg.data) <= DEAD_LETTER_BODY_MAX
        headers = {
            **_worth_keeping(msg.headers or {}),
            "Hil-Dead-Reason": " ".join(reason.split())[:1_000].encode("ascii", "backslashreplace").decode(),
            "Hil-Dead-Sequence": str(arrival.sequence),
            "Hil-Dead-Attempts": str(arrival.attempt),
            "Hil-Dead-Body": "here" if fits else "in-log",
            "Nats-Msg-Id": f"dlq:{service}:{arrival.sequence}",
        }
        subject = dead_letter_subject(service, msg.subject)
        try:
            await self.connection.publish_surely(subject, msg.data if fits else b"", headers=headers)
        except (RetryLater, Refused):
            return False
        await self.accept(arrival)
        return True

    async def _answer(self, arrival: Arrival, body: bytes) -> None:
        with suppress(NatsError):
            await self.connection.client.publish(arrival.msg.reply, body)


def _worth_keeping(headers: Mapping[str, str]) -> dict[str, str]:
    """A message's own headers that can be written again; none if they are so large that the dead letter could not be
    stored with them (the server's limit is 64 KiB)."""
    own = {name: value for name, value in headers.items() if OWN_HEADER.match(name)}
    size = sum(len(name) + len(value.encode()) for name, value in own.items())
    return own if size <= DEAD_LETTER_HEADERS_MAX else {}
