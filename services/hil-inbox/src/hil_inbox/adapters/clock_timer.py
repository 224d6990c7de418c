"""How is a conversation woken when one of its clocks is due, or a snooze is over?

One JetStream schedule a key on `hil.timer.inbox.<tenant>.<key>`, which publishes `handover.due` into the key's log. It
is written by compare-and-set on its own subject, and only ever brought forward: one that fires too early finds nothing
owed and is armed again, one that was put off would be lost (ADR-0003)."""

from dataclasses import dataclass
from datetime import UTC, datetime

import nats.js.errors
from nats.errors import Error as NatsError

from contracts.handover_clocks import HandoverDue
from contracts.streams import LOG
from contracts.subjects import subject_of, timer_subject
from service_kit.connection import AckUnknown, Connection, Refused
from service_kit.errors import RetryLater
from service_kit.log import EXPECTED, STALE

TIMER_ID = "inbox"
TRIES_MAX = 12


@dataclass(frozen=True, slots=True)
class Armed:
    """What is stored: when it is due (None: no timer), and the sequence with which it can be replaced."""

    due_ms: int | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class ClockTimers:
    """The inbox's timers of all keys."""

    connection: Connection

    async def arm(self, tenant: str, key: str, *, due_ms: int) -> None:
        """Make sure that a timer is stored which fires no later than `due_ms`; one in the past fires at once. Raises
        RetryLater when the server does not take it."""
        known = await self._stored(tenant, key)
        for _ in range(TRIES_MAX):
            if known.due_ms is not None and known.due_ms <= due_ms:
                return
            try:
                await self._publish(tenant, key, due_ms, known.sequence)
                return
            except Refused as refused:
                if refused.code != STALE:
                    raise RetryLater(f"clock of {tenant}.{key}: {refused}") from refused
                last = int(refused.description.rsplit(" ", 1)[-1])
                known = await self._stored(tenant, key)
                if known.sequence < last:  # Read from a server that lags behind, or fired in between.
                    known = Armed()
            except AckUnknown as unknown:
                raise RetryLater(f"clock of {tenant}.{key}: {unknown}") from unknown
        raise RetryLater(f"clock of {tenant}.{key}: {TRIES_MAX} writers at once")

    async def _stored(self, tenant: str, key: str) -> Armed:
        try:
            subject = timer_subject(TIMER_ID, tenant, key)
            found = await self.connection.jetstream.get_last_msg(LOG.name, subject, direct=False)
        except nats.js.errors.NotFoundError:
            return Armed()
        except (NatsError, nats.js.errors.Error, TimeoutError) as error:
            raise RetryLater(f"clock of {tenant}.{key} cannot be read: {error}") from error
        return Armed(_due_of((found.headers or {}).get("Nats-Schedule", "")), found.seq or 0)

    async def _publish(self, tenant: str, key: str, due_ms: int, expected: int) -> None:
        headers = {
            "Nats-Schedule": f"@at {_rfc3339(due_ms)}",
            "Nats-Schedule-Target": subject_of(HandoverDue.route, tenant, key),
            "ce-type": HandoverDue.route.type,
            EXPECTED: str(expected),
        }
        body = HandoverDue(due_ms=due_ms).model_dump_json().encode()
        await self.connection.publish(timer_subject(TIMER_ID, tenant, key), body, headers=headers)


def _rfc3339(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms // 1000, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _due_of(schedule: str) -> int | None:
    if not schedule.startswith("@at "):
        return None
    return round(datetime.fromisoformat(schedule[4:].replace("Z", "+00:00")).timestamp() * 1000)
