"""Does anybody miss or get twice a change when 200 follow, leave at random, and the service is killed?"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

from contracts.streams import HIL_INBOX_CLOCKS, HIL_INBOX_EVENTS, LOG, ConsumerSpec
from hil.bench.inbox_stack import TENANT, InboxStack
from hil.desktop.feed_client import FeedClient
from hil.desktop.scenario import scenario
from hil.desktop.state import Json, differences
from service_kit.bus import publish
from service_kit.connection import Connection

SEED = 5
REDUCING = 5
"""Subscribers that fold every change; the others read only the ids, as 200 that fold are a machine's work."""
KILLS = 2
STANDSTILL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Followed:
    """What all subscribers together missed and got twice."""

    feed_events: int
    feed_gaps: int
    feed_repeats: int
    feed_wrong_states: int
    feed_seconds: float


@dataclass(slots=True)
class IdReader:
    """A subscriber that keeps the ids."""

    base_url: str
    headers: dict[str, str]
    rng: random.Random
    cursor: int
    ids: list[int] = field(default_factory=list)

    async def follow(self, end: "asyncio.Future[int]") -> None:
        """Until all through `end` came; leaves after one chunk of 200."""
        async with aiohttp.ClientSession(self.base_url, headers=self.headers) as session:
            while not self._is_done(end):
                try:
                    await self._once(session, end)
                except (aiohttp.ClientError, ConnectionError):
                    await asyncio.sleep(0.1)

    def _is_done(self, end: "asyncio.Future[int]") -> bool:
        return end.done() and self.cursor >= end.result()

    async def _once(self, session: aiohttp.ClientSession, end: "asyncio.Future[int]") -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
        async with session.get("/v1/feed", headers={"Last-Event-ID": str(self.cursor)}, timeout=timeout) as response:
            if response.status != 200:
                await asyncio.sleep(0.2)
                return
            rest = b""
            async for chunk in response.content.iter_any():
                *frames, rest = (rest + chunk).split(b"\n\n")
                for frame in frames:
                    self._take(frame)
                if self._is_done(end) or self.rng.random() < 0.005:
                    return

    def _take(self, frame: bytes) -> None:
        if frame.startswith(b"id: "):
            self.cursor = int(frame[4 : frame.index(b"\n")])
            self.ids.append(self.cursor)
        elif frame.startswith(b"event: reset"):
            raise RuntimeError(f"reset at {self.cursor}: {frame.decode()}")


async def feed_through(stack: InboxStack, connection: Connection, *, subscribers: int, events: int) -> Followed:
    """Publish a story while everybody follows it, killing the service twice."""
    start = int((await connection.jetstream.stream_info(LOG.name)).state.last_seq)
    end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    readers = [
        IdReader(stack.inbox.base_url, stack.headers(f"reader-{number}"), random.Random(number), start)  # noqa: S311
        for number in range(subscribers - REDUCING)
    ]
    reducing = [FeedClient(stack.inbox.base_url, stack.headers(f"desk-{number}"), start) for number in range(REDUCING)]
    following = [asyncio.create_task(reader.follow(end)) for reader in readers]
    following += [
        asyncio.create_task(desk.follow(lambda desk=desk: end.done() and desk.cursor >= end.result()))  # type: ignore[misc]
        for desk in reducing
    ]
    began = time.perf_counter()
    await _publish(stack, connection, events)
    end.set_result((await _ids(connection, start))[-1])
    async with asyncio.timeout(600):
        await asyncio.gather(*following)
    seconds = time.perf_counter() - began
    expected = [seq for seq in await _ids(connection, start) if seq <= end.result()]
    found = [reader.ids for reader in readers] + [desk.ids for desk in reducing]
    wrong = [desk for desk in reducing if await _differs(stack, desk, end.result())]
    return Followed(
        feed_events=len(expected),
        feed_gaps=sum(len(set(expected) - set(ids)) for ids in found),
        feed_repeats=sum(count - 1 for ids in found for count in Counter(ids).values()),
        feed_wrong_states=len(wrong),
        feed_seconds=seconds,
    )


async def _publish(stack: InboxStack, connection: Connection, events: int) -> None:
    """Messages of one conversation in their order; a kill after each third of the story."""
    story = scenario(SEED, tenant=TENANT, events=events, conversations=200)
    kills = {events * number // (KILLS + 1) for number in range(1, KILLS + 1)}
    for number, (message, identity) in enumerate(story):
        await publish(connection, message, identity)
        if number in kills:
            stack.inbox.kill()
            await stack.start_inbox()
    await until_idle(connection, HIL_INBOX_CLOCKS)  # It owes no answer any more, so that the end is the end.


async def until_idle(connection: Connection, *consumers: ConsumerSpec) -> None:
    """Until the inbox has handled all that these consumers have for it. Raises TimeoutError when one stands still."""
    for consumer in consumers:
        done, since = -1, time.monotonic()
        while True:
            info = await connection.jetstream.consumer_info(LOG.name, consumer.name)
            if not info.num_pending and not info.num_ack_pending:
                break
            if info.ack_floor is not None and info.ack_floor.consumer_seq != done:
                done, since = info.ack_floor.consumer_seq, time.monotonic()
            if time.monotonic() - since > STANDSTILL_SECONDS:
                raise TimeoutError(f"{consumer.name} stands still before {info.num_pending} messages")
            await asyncio.sleep(0.2)


async def _ids(connection: Connection, after: int) -> list[int]:
    """Sequences of all messages of the inbox's types behind `after`, as the log itself tells them."""
    subscription = await connection.jetstream.subscribe(
        f"hil.*.*.*.*.{TENANT}.*", stream=LOG.name, ordered_consumer=True
    )
    types = {kind.route.type for kind in HIL_INBOX_EVENTS.types}
    found: list[int] = []
    pending = 1
    while pending:
        msg = await subscription.next_msg(timeout=10)
        pending = msg.metadata.num_pending
        if msg.metadata.sequence.stream > after and msg.subject.rsplit(".", 2)[0] in types:
            found.append(msg.metadata.sequence.stream)
    await subscription.unsubscribe()
    return found


async def _differs(stack: InboxStack, desk: FeedClient, last: int) -> bool:
    """Whether a desk's rows are others than those of a fresh snapshot."""
    shown: dict[str, dict[str, object]] = {}
    async with aiohttp.ClientSession(stack.inbox.base_url, headers=stack.headers("judge")) as session:
        async with asyncio.timeout(120):
            while await _as_of(session) < last:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.2)
        cursor: str | None = ""
        while cursor is not None:
            params = {"limit": "1000"} | ({"cursor": cursor} if cursor else {})
            async with session.get("/v1/queue", params=params) as response:
                page = await response.json()
            shown |= {row["id"]: row for row in page["rows"] if _is_of_story(row)}
            cursor = page["next_cursor"]
    known = {id_: row for id_, row in desk.state.rows.items() if _is_of_story(row)}
    return bool(differences(shown, known))


def _is_of_story(row: Json) -> bool:
    """And none of the handovers that were claimed before, whose clocks run out meanwhile."""
    return str(row["key"]).startswith(f"s{SEED}-")


async def _as_of(session: aiohttp.ClientSession) -> int:
    async with session.get("/v1/queue", params={"limit": "1"}) as response:
        return int((await response.json())["as_of_seq"])
