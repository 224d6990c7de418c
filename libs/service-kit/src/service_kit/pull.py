"""How are messages pulled from a durable consumer, in order of arrival and never more than there is room for?"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from service_kit.connection import Connection

log = structlog.get_logger()

PULL_SECONDS = 20.0
REFUSED = ("409", "503")
"""The consumer is gone or has no leader: asking again at once would be a loop without a pause."""
REFUSED_SECONDS = 0.5
PENDING_BYTES_MAX = 256 * 1024 * 1024


@dataclass(slots=True)
class Arrival:
    """One delivered message with what its acknowledgement subject says.

    `delivered` counts the consumer's deliveries, `attempt` those of this message (from 1)."""

    msg: Msg
    sequence: int
    attempt: int
    delivered: int
    stored_ms: int
    since: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, msg: Msg) -> "Arrival":
        tokens = msg.reply.split(".")
        at = 4 if len(tokens) == 9 else 6  # The longer form has a domain and an account before the stream.
        attempt, sequence, delivered, stamp = (int(token) for token in tokens[at : at + 4])
        return cls(msg, sequence, attempt, delivered, stamp // 1_000_000)

    @property
    def lane(self) -> str:
        """Tenant and key."""
        return self.msg.subject.split(".", 5)[-1]


@dataclass(slots=True)
class Pull:
    """Keeps requests at one consumer so that at most as many messages come as were asked for. Requests that got no
    answer in time are forgotten (a server that restarted knows nothing of them).

    A delivered message keeps its own subject, so it does not say which request it answers; the server serves them in
    order, so it counts for the oldest."""

    connection: Connection
    stream: str
    consumer: str
    receive: Callable[[Arrival], None]
    changed: Callable[[], None]
    _prefix: str = ""
    _asked: dict[str, tuple[int, float]] = field(default_factory=dict)
    _subscription: Subscription | None = None
    _number: int = 0
    _reconnects: int = 0
    _not_before: float = 0.0

    async def open(self) -> None:
        """Listen; before the first `ask`."""
        self._prefix = self.connection.client.new_inbox()
        self._subscription = await self.connection.client.subscribe(
            f"{self._prefix}.*", cb=self._on_message, pending_msgs_limit=-1, pending_bytes_limit=PENDING_BYTES_MAX
        )

    @property
    def outstanding(self) -> int:
        """Messages asked for that have not come."""
        return sum(count for count, _ in self._asked.values())

    async def ask(self, count: int) -> None:
        """Request `count` messages; they come to `receive`. Does nothing for a while after a refusal."""
        if time.monotonic() < self._not_before:
            return
        self._number += 1
        token = str(self._number)
        self._asked[token] = (count, time.monotonic())
        question = json.dumps({"batch": count, "expires": int(PULL_SECONDS * 1e9)}).encode()
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{self.consumer}"
        try:
            await self.connection.client.publish(subject, question, reply=f"{self._prefix}.{token}")
        except NatsError:
            self._end(token)

    def expire(self) -> None:
        """Forget requests that are past their time, and all of them once the connection was made anew."""
        now = time.monotonic()
        reconnects, self._reconnects = self._reconnects, self.connection.client.stats["reconnects"]
        late = [token for token, (_, asked) in self._asked.items() if now - asked > PULL_SECONDS + 5]
        for token in list(self._asked) if reconnects != self._reconnects else late:
            self._end(token)

    async def close(self) -> None:
        """Stop listening; what comes late is delivered again by the server."""
        self._asked.clear()
        if self._subscription is not None and self.connection.ready:
            await self._subscription.unsubscribe()

    def _end(self, token: str) -> None:
        self._asked.pop(token, None)
        self.changed()

    async def _on_message(self, msg: Msg) -> None:
        if msg.subject.startswith(self._prefix):
            status = (msg.headers or {}).get("Status")
            if status in REFUSED:
                self._not_before = time.monotonic() + REFUSED_SECONDS
                log.warning("pull.refused", consumer=self.consumer, status=status)
            if status != "100":
                self._end(msg.subject.rpartition(".")[2])
            return
        oldest = next(iter(self._asked), None)
        if oldest is not None:
            left, asked = self._asked[oldest]
            self._asked[oldest] = (left - 1, asked)
            if left <= 1:
                self._end(oldest)
        self.receive(Arrival.of(msg))
