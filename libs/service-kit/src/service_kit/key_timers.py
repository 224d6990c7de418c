"""How does a key get woken up: one timer a key and purpose, kept at the earliest time that anybody asked for?

A JetStream schedule on `hil.timer.<purpose>.<tenant>.<key>` publishes a message into the key's log. It is written by
compare-and-set on its own subject, so that a writer who knows less can never put it off (ADR-0003).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import nats.js.errors
from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg

from contracts.envelope import Message
from contracts.streams import LOG
from contracts.subjects import subject_for, timer_subject
from service_kit.connection import AckUnknown, Connection, Refused
from service_kit.errors import RetryLater
from service_kit.log import EXPECTED, STALE
from service_kit.telemetry import current_traceparent

TRIES_MAX = 12
LONG_AGO_MS = 0


@dataclass(frozen=True, slots=True)
class Armed:
    """A stored timer: when it is due (Unix milliseconds; None for no timer) and its sequence, with which it can be
    replaced."""

    due_ms: int | None
    sequence: int


NOTHING = Armed(None, 0)


@dataclass(frozen=True, slots=True)
class KeyTimers:
    """The timers of all keys for one purpose, which stands in their subjects; `due_message` says what is published into
    a key's log when its timer is due (Unix milliseconds)."""

    connection: Connection
    purpose: str
    due_message: Callable[[int], Message]

    async def arm(self, tenant: str, key: str, *, due_ms: int, known: Armed) -> Armed:
        """Make sure that a timer is stored which fires no later than `due_ms`; what is stored then.

        `known` is what the caller believes to be stored; a wrong belief costs one more round trip. A due time in the
        past fires within 0.3 s. Raises RetryLater when the server does not take it."""
        for _ in range(TRIES_MAX):
            if known.due_ms is not None and known.due_ms <= due_ms:
                return known
            try:
                sequence, _kind = await self._publish(tenant, key, due_ms, known.sequence)
                return Armed(due_ms, sequence)
            except Refused as refused:
                if refused.code != STALE:
                    raise RetryLater(f"timer {self.purpose} of {tenant}.{key}: {refused}") from refused
                last = int(refused.description.rsplit(" ", 1)[-1])
                known = await self.stored(tenant, key)
                if known.sequence < last:  # Read from a server that lags behind, or fired in between.
                    known = NOTHING
            except AckUnknown as unknown:
                raise RetryLater(f"timer {self.purpose} of {tenant}.{key}: {unknown}") from unknown
        raise RetryLater(f"timer {self.purpose} of {tenant}.{key}: {TRIES_MAX} writers at once")

    async def stored(self, tenant: str, key: str) -> Armed:
        """The timer that is stored now, as the leader knows it. Raises RetryLater."""
        found = await _last(self.connection, timer_subject(self.purpose, tenant, key))
        return NOTHING if found is None else Armed(_due(found), found.seq or 0)

    async def _publish(self, tenant: str, key: str, due_ms: int, expected: int) -> tuple[int, str]:
        message = self.due_message(due_ms)
        headers = {
            "Nats-Schedule": f"@at {rfc3339(due_ms)}",
            "Nats-Schedule-Target": subject_for(message, tenant, key),
            "ce-type": message.route.type,
            EXPECTED: str(expected),
        }
        traceparent = current_traceparent()
        if traceparent is not None:  # The server hands it on: what the timer leads to belongs to the turn that set it.
            headers["traceparent"] = traceparent
        subject, body = timer_subject(self.purpose, tenant, key), message.model_dump_json().encode()
        return await self.connection.publish(subject, body, headers=headers)


async def fire_now(connection: Connection, subject: str) -> None:
    """Replace the timer that is stored there, if there is one, by the same that is long due: it fires at once, whatever
    its purpose. One that fires or is replaced meanwhile is left alone. Raises RetryLater."""
    found = await _last(connection, subject)
    if found is None or _due(found) is None:
        return
    headers = {**(found.headers or {}), "Nats-Schedule": f"@at {rfc3339(LONG_AGO_MS)}", EXPECTED: str(found.seq)}
    try:
        await connection.publish(subject, found.data or b"", headers=headers)
    except Refused as refused:
        if refused.code != STALE:
            raise RetryLater(f"{subject}: {refused}") from refused
    except AckUnknown as unknown:
        raise RetryLater(f"{subject}: {unknown}") from unknown


async def _last(connection: Connection, subject: str) -> RawStreamMsg | None:
    try:
        return await connection.jetstream.get_last_msg(LOG.name, subject, direct=False)
    except nats.js.errors.NotFoundError:
        return None
    except (NatsError, nats.js.errors.Error, TimeoutError) as error:
        raise RetryLater(f"{subject} cannot be read: {error}") from error


def _due(stored: RawStreamMsg) -> int | None:
    return due_of((stored.headers or {}).get("Nats-Schedule", ""))


def rfc3339(at_ms: int) -> str:
    """UTC with milliseconds."""
    moment = datetime.fromtimestamp(at_ms // 1000, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def due_of(schedule: str) -> int | None:
    """Unix milliseconds of `@at <RFC 3339>`; None for anything else."""
    if not schedule.startswith("@at "):
        return None
    return round(datetime.fromisoformat(schedule[4:].replace("Z", "+00:00")).timestamp() * 1000)
