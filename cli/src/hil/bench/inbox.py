"""`hil bench inbox`: claims a second, double claims, the list at 50,000 rows, and what the feed loses or repeats."""

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop

from contracts.envelope import BasedOn, Identity, derive_message_id
from contracts.handovers import HandoverClaimed, HandoverPacket, OpenHandover
from contracts.notes import NoteAdded
from contracts.streams import HIL_INBOX_CLOCKS, HIL_INBOX_EVENTS, LOG
from document_store import opened_store
from hil.bench.inbox_feed import feed_through, until_idle
from hil.bench.inbox_stack import TENANT, InboxStack
from hil_inbox.adapters.view_store import ViewStore
from hil_inbox.domain.read_model import Body, Place
from service_kit.bus import publish
from service_kit.connection import Connection, connected
from service_kit.log import Log
from service_kit.streams import ensure_streams

IN_FLIGHT = 64
FLOOR_APPENDS = 2_000
LISTS = 200
FILTERS: tuple[dict[str, str], ...] = (
    {"state": "waiting"},
    {"state": "waiting", "kind": "approval"},
    {"state": "assigned", "owner": "agent-7"},
    {"state": "waiting", "queue": "billing"},
    {"state": "waiting", "team": "red"},
)


@dataclass(frozen=True, slots=True)
class InboxFigures:
    """`claims_per_s` are claims through the REST API, `raced_claims_per_s` those won where two agents race for each (a
    tenth of the handovers); the ratio is the first by bare fenced publishes in the same command, and the CPU that of
    the inbox alone, its documents, clocks and feed included. Double claims are counted from the log."""

    claims: int
    claims_per_s: float
    claim_cpu_ms: float
    raced_claims_per_s: float
    double_claims: int
    unclaimed: int
    fenced_publishes_per_s: float
    ratio_to_floor: float
    list_rows: int
    list_p50_ms: float
    list_p95_ms: float
    counts_p95_ms: float
    feed_subscribers: int
    feed_events: int
    feed_gaps: int
    feed_repeats: int
    feed_wrong_states: int
    feed_seconds: float


@dataclass(frozen=True, slots=True)
class Claims:
    """What came of claims without and with a rival; `cpu_ms` the inbox's for one of the first."""

    per_s: float
    cpu_ms: float
    raced_per_s: float
    double: int
    unclaimed: int


@dataclass(frozen=True, slots=True)
class Lists:
    """What a page and the counts took."""

    p50_ms: float
    p95_ms: float
    counts_p95_ms: float


@dataclass(frozen=True, slots=True)
class InboxBench:
    """One measurement in `directory`."""

    directory: Path
    handovers: int
    rows: int
    subscribers: int
    events: int

    def figures(self) -> InboxFigures:
        """All stages, one after the other on one stack."""
        return uvloop.run(self._measure())

    async def _measure(self) -> InboxFigures:
        stack = InboxStack(self.directory)
        await stack.start()
        try:
            async with connected(stack.server.url, service="bench") as connection:
                await ensure_streams(connection.jetstream)
                floor = await _fenced_publishes(connection)
                claims = await self._claims(stack, connection)
                lists = await self._lists(stack)
                feed = await feed_through(stack, connection, subscribers=self.subscribers, events=self.events)
        finally:
            stack.stop()
        return InboxFigures(
            claims=self.handovers,
            claims_per_s=claims.per_s,
            claim_cpu_ms=claims.cpu_ms,
            raced_claims_per_s=claims.raced_per_s,
            double_claims=claims.double,
            unclaimed=claims.unclaimed,
            fenced_publishes_per_s=floor,
            ratio_to_floor=claims.per_s / floor,
            list_rows=self.rows,
            list_p50_ms=lists.p50_ms,
            list_p95_ms=lists.p95_ms,
            counts_p95_ms=lists.counts_p95_ms,
            feed_subscribers=self.subscribers,
            feed_events=feed.feed_events,
            feed_gaps=feed.feed_gaps,
            feed_repeats=feed.feed_repeats,
            feed_wrong_states=feed.feed_wrong_states,
            feed_seconds=feed.feed_seconds,
        )

    async def _claims(self, stack: InboxStack, connection: Connection) -> Claims:
        ids = [f"h{number}" for number in range(self.handovers)]
        await _in_flight([_opened(connection, id_) for id_ in ids])
        raced, alone = ids[: len(ids) // 10], ids[len(ids) // 10 :]
        async with _session(stack) as session:
            await _until_waiting(session, self.handovers)
            await until_idle(connection, HIL_INBOX_CLOCKS, HIL_INBOX_EVENTS)
            cpu_before = stack.inbox.cpu_seconds()
            per_s = await _rate([_claim(session, id_, "ada") for id_ in alone])
            cpu_ms = (stack.inbox.cpu_seconds() - cpu_before) * 1_000 / len(alone)
            races = [_claim(session, id_, agent) for id_ in raced for agent in ("ada", "bo")]
            raced_per_s = await _rate(races) / 2
        await until_idle(connection, HIL_INBOX_CLOCKS, HIL_INBOX_EVENTS)
        won = await _claims_in_log(connection)
        double = sum(count - 1 for count in won.values())
        return Claims(per_s, cpu_ms, raced_per_s, double, self.handovers - len(won))

    async def _lists(self, stack: InboxStack) -> Lists:
        async with opened_store(stack.store_url) as store:
            await _fill(ViewStore(store), self.rows - self.handovers)
        async with _session(stack) as session:
            lists = [await _timed(session, "/v1/queue", FILTERS[number % len(FILTERS)]) for number in range(LISTS)]
            counts = [await _timed_count(session, number) for number in range(50)]
        return Lists(
            statistics.median(lists), statistics.quantiles(lists, n=20)[18], statistics.quantiles(counts, n=20)[18]
        )


def _session(stack: InboxStack) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    return aiohttp.ClientSession(stack.inbox.base_url, headers=stack.headers("agent-7"), connector=connector)


async def _in_flight(work: Iterable[Coroutine[None, None, None]]) -> None:
    """All of it, IN_FLIGHT at once."""
    todo = iter(work)

    async def take() -> None:
        for one in todo:
            await one

    await asyncio.gather(*(take() for _ in range(IN_FLIGHT)))


async def _rate(work: Sequence[Coroutine[None, None, None]]) -> float:
    """How many of these were done in a second, IN_FLIGHT at once."""
    began = time.perf_counter()
    await _in_flight(work)
    return len(work) / (time.perf_counter() - began)


async def _fenced_publishes(connection: Connection) -> float:
    """The floor: one fenced fact for each of as many new keys."""
    log = Log(connection)

    async def append(number: int) -> None:
        key = f"floor-{number}"
        fact = NoteAdded(note_id=key, actor_id="ada", text="x" * 100)
        await log.append(fact, Identity(TENANT, key, key, key), fence=0)

    return await _rate([append(number) for number in range(FLOOR_APPENDS)])


async def _opened(connection: Connection, id_: str) -> None:
    packet = HandoverPacket(reason="customer_request", ask="a person, please")
    based_on = BasedOn(now_ms=1, fence=0)
    message = OpenHandover(handover_id=id_, reason="customer_request", packet=packet, based_on=based_on)
    await publish(connection, message, Identity(TENANT, f"k-{id_}", derive_message_id(id_, "open"), "bench"))


async def _until_waiting(session: aiohttp.ClientSession, count: int) -> None:
    """Until the list shows all of them, and the inbox has told the queue of each."""
    async with asyncio.timeout(300):
        while True:
            async with session.get("/v1/queue/counts") as response:
                if (await response.json())["unclaimed"] >= count:
                    return
            await asyncio.sleep(0.5)


async def _claim(session: aiohttp.ClientSession, handover_id: str, agent: str) -> None:
    headers = {"Idempotency-Key": f"{agent}-{handover_id}", "If-Match": '"e0"', "Hil-Actor": agent}
    async with session.post(f"/v1/handovers/{handover_id}/claim", json={}, headers=headers) as response:
        text = await response.text()
        if response.status not in (200, 409):
            raise RuntimeError(f"claim of {handover_id}: {response.status} {text[:300]}")


async def _claims_in_log(connection: Connection) -> Counter[str]:
    """How often each handover was claimed, as the log says."""
    filter_ = f"{HandoverClaimed.route.type}.{TENANT}.*"
    subscription = await connection.jetstream.subscribe(filter_, stream=LOG.name, ordered_consumer=True)
    won: Counter[str] = Counter()
    pending = 1
    while pending:
        msg = await subscription.next_msg(timeout=10)
        pending = msg.metadata.num_pending
        won[HandoverClaimed.model_validate_json(msg.data).handover_id] += 1
    await subscription.unsubscribe()
    return won


async def _fill(views: ViewStore, rows: int) -> None:
    """Rows as the projector writes them; of ten, four wait, two are assigned and four are done."""
    rng = random.Random(1)  # noqa: S311
    for start in range(0, rows, 1_000):
        documents: dict[Place, Body] = {}
        for number in range(start, min(start + 1_000, rows)):
            documents["queue", f"row-{number}"] = _row(number, rng)
        await views.write(documents)


def _row(number: int, rng: random.Random) -> Body:
    state = rng.choice(("waiting", "waiting", "assigned", "done", "done"))
    kind = rng.choice(("handover", "handover", "handover", "approval"))
    owner = f"agent-{number % 40}" if state == "assigned" else None
    return {
        "tenant": TENANT, "key": f"r{number}", "kind": kind, "state": state, "owner_id": owner,
        "queue": rng.choice(("general", "billing", "returns")), "team": rng.choice((None, "red", "blue")),
        "epoch": 0, "priority": "normal", "rank": rng.randrange(4), "skills": [], "reason": "customer_request",
        "ask": "I would like to change the address of my order, please, it is the third time that I ask.",
        "customer": f"customer-{number}", "opened_ms": 1_700_000_000_000 + number, "clocks": {},
        "due_ms": 1_700_000_000_000 + rng.randrange(10_000_000), "snoozed_until_ms": None, "last_author": "customer",
        "last_text": "Where is it now?", "last_ms": 1_700_000_000_000, "unanswered": 1, "approvals_pending": 0,
        "fallback": "none", "outcome": None, "closed_ms": None, "tool": None, "as_of_seq": 1,
    }  # fmt: skip


async def _timed(session: aiohttp.ClientSession, path: str, params: dict[str, str]) -> float:
    began = time.perf_counter()
    async with session.get(path, params=params) as response:
        body = await response.json()
    if response.status != 200 or not body:
        raise RuntimeError(f"{path}: {response.status}")
    return (time.perf_counter() - began) * 1_000


async def _timed_count(session: aiohttp.ClientSession, number: int) -> float:
    began = time.perf_counter()
    async with session.get("/v1/queue/counts", headers={"Hil-Actor": f"agent-{number}"}) as response:
        await response.read()
    return (time.perf_counter() - began) * 1_000
