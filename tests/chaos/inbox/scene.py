"""What do customers do in the inbox's kill test, and what does the system say in the end?"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from contracts.conversations import MessageReceived
from contracts.envelope import LogEntry
from contracts.handovers import HandoverReleased, OpenApproval, OpenHandover
from contracts.streams import HIL_INBOX_CLOCKS, HIL_INBOX_COMMANDS, HIL_INBOX_EVENTS, LOG
from hil.turns import Turn, send_turn
from service_kit.connection import Connection
from service_kit.log import Log
from tests.chaos.inbox.agents import Crew
from tests.chaos.inbox.verdict import broken_presence
from tests.support.kit import TENANT
from tests.support.wait_until import wait_until

SETTLED_SECONDS_MAX = 120.0
AT_ONCE = 8
CUSTOMERS_MIN = 10
BEAT_SECONDS = 0.5
GONE, STAYS = "gone", "stays"
PERSON = """
name: person
version: 1.0.0
workflow:
  nodes:
    - {id: always, type: rule, expression: "turn.text"}
    - {id: FINISH, type: sink, action: finish_conversation}
    - {id: HANDOVER, type: sink, action: handover_to_human, reason: customer_request}
  edges:
    - {from: always, to: HANDOVER, condition: "output"}
    - {from: always, to: FINISH, condition: "!output"}
"""
QUESTION = """
name: question
version: 1.0.0
limits: {deadline_ms: 3600000, timeout_ms: 3600000}
workflow:
  nodes:
    - id: ask
      type: human
      ask: "May it be done?"
      limits: {timeout_ms: 3600000}
    - {id: FINISH, type: sink, action: finish_conversation}
    - {id: HANDOVER, type: sink, action: handover_to_human}
  edges:
    - {from: ask, to: FINISH, condition: "output"}
    - {from: ask, to: HANDOVER, condition: "!output"}
"""

Asked = TypeVar("Asked", OpenApproval, OpenHandover)


@dataclass(frozen=True, slots=True)
class Scene:
    """A running system and the people who work in it."""

    connection: Connection
    crew: Crew

    async def play(self, seconds: float) -> None:
        """Customers come for so long, and at least ten; returns when all have been served."""
        until, numbers = time.monotonic() + seconds, count(1)
        async with asyncio.TaskGroup() as group:

            async def one_after_the_other() -> None:
                while (number := next(numbers)) <= CUSTOMERS_MIN or time.monotonic() < until:
                    await self._customer(number, group)

            for _ in range(AT_ONCE):
                group.create_task(one_after_the_other())

    @asynccontextmanager
    async def somebody_stays(self) -> AsyncIterator[None]:
        """One person is there as long as the block runs."""
        staying = asyncio.create_task(self._stay())
        try:
            yield
        finally:
            staying.cancel()

    async def logs(self) -> dict[str, list[LogEntry]]:
        """Of every conversation that somebody was told something about."""
        return {key: await Log(self.connection).read(TENANT, key) for key in self.crew.told}

    async def until_idle(self) -> None:
        """Until the inbox owes nothing any more."""
        await wait_until(self._is_idle, timeout_seconds=SETTLED_SECONDS_MAX, every_seconds=0.2)

    async def note_shown(self, logs: Mapping[str, Sequence[LogEntry]]) -> None:
        """The state of each handover and approval, as it is shown."""
        for key, log in logs.items():
            opened = [entry.message for entry in log if isinstance(entry.message, OpenHandover | OpenApproval)]
            for one in opened:
                is_handover = isinstance(one, OpenHandover)
                id_ = one.handover_id if is_handover else one.approval_id
                path = f"/v1/{'handovers' if is_handover else 'approvals'}/{id_}"
                self.crew.of(key).shown[id_] = str((await self.crew.look(path)).get("state"))

    async def broken_presence(self) -> list[str]:
        """Whom the inboxes show otherwise than they are, after some time to recover: one stayed, others are gone."""
        found = ["nothing was shown"]

        async def all_right() -> bool:
            found[:] = broken_presence({STAYS}, {url: await self._statuses(url) for url in self.crew.desks.urls})
            return not found

        with suppress(TimeoutError):
            await wait_until(all_right, timeout_seconds=30, every_seconds=0.3)
        return found

    async def _customer(self, number: int, group: asyncio.TaskGroup) -> None:
        """Most want a person, every third needs a decision, some get a person who goes away, or one who stays."""
        key, of_ten = f"c{number}", number % 10
        workflow = "question" if number % 3 == 2 and of_ten not in (0, 5) else "person"
        turn = Turn(TENANT, key, MessageReceived(turn_id="1", text=f"hello {number}", workflow=workflow))
        await send_turn(self.connection, turn)
        if workflow == "question":
            return await self.crew.decide(key, (await self._first(key, OpenApproval)).approval_id)
        handover_id = (await self._first(key, OpenHandover)).handover_id
        if of_ten not in (0, 5):
            return await self.crew.serve(key, handover_id)
        await self.crew.take(key, handover_id, STAYS if of_ten == 5 else GONE)
        if of_ten == 0:
            self.crew.of(key).left.append(handover_id)
            group.create_task(self._serve_later(key, handover_id))

    async def _serve_later(self, key: str, handover_id: str) -> None:
        """Others take over what somebody left; that nobody can is the verdict's to say."""
        if await self._is_rehomed(key):
            await self.crew.serve(key, handover_id)

    async def _is_rehomed(self, key: str) -> bool:
        async def released() -> bool:
            entries = await Log(self.connection).read(TENANT, key)
            return any(isinstance(entry.message, HandoverReleased) for entry in entries)

        try:
            await wait_until(released, timeout_seconds=SETTLED_SECONDS_MAX, every_seconds=0.3)
        except TimeoutError:
            return False
        return True

    async def _stay(self) -> None:
        while True:
            await self.crew.is_there(STAYS)
            await asyncio.sleep(BEAT_SECONDS)

    async def _first(self, key: str, kind: type[Asked]) -> Asked:
        found: list[Asked] = []

        async def there() -> bool:
            entries = await Log(self.connection).read(TENANT, key)
            found[:] = [entry.message for entry in entries if isinstance(entry.message, kind)]
            return bool(found)

        await wait_until(there, timeout_seconds=SETTLED_SECONDS_MAX, every_seconds=0.1)
        return found[0]

    async def _is_idle(self) -> bool:
        specs = (HIL_INBOX_COMMANDS, HIL_INBOX_CLOCKS, HIL_INBOX_EVENTS)
        infos = [await self.connection.jetstream.consumer_info(LOG.name, spec.name) for spec in specs]
        return not any(info.num_pending or info.num_ack_pending for info in infos)

    async def _statuses(self, url: str) -> dict[str, str]:
        shown = await self.crew.desks.get_from(url, "agent-0", "/v1/agents")
        return {one["actor_id"]: one["status"] for one in shown.body["agents"]}  # type: ignore[attr-defined]
