"""A node that fails as it did not use to is told of once, through failures, and looked up over HTTP."""

import time
from collections.abc import Sequence

import pytest

from analytics.adapters.announce_pattern import announce_pattern
from analytics.adapters.figure_store import FigureStore
from analytics.adapters.pattern_documents import PatternDocuments
from analytics.app import serve
from analytics.domain.cells import MINUTE_MS, Cell, cells_of
from analytics.domain.contributions import contributions_of
from analytics.domain.failure_patterns import Pattern, Place
from analytics.domain.rollup import Contribution, Rollup, Settled, Together, Versioned, count_in
from analytics.handlers.find_patterns import FindPatterns
from contracts.envelope import LogEntry
from contracts.executions import NodeMetrics, PatternDetected
from document_store import DocumentStore, open_store
from service_kit.connection import Connection
from service_kit.errors import RetryLater
from service_kit.log import Log
from tests.integration.analytics.test_figures import ON_BOTH_STORES, settings_for, store_url
from tests.support.handovers import ended
from tests.support.kit import TENANT, kit
from tests.support.running_service import running_service
from tests.support.start_servers import NatsServer

__all__ = ["store_url"]
PAY = Place(TENANT, "support", "pay", "timeout")
BAD = NodeMetrics(node="pay", outcome="failed", error_class="timeout")
GOOD = NodeMetrics(node="pay", outcome="done")
FIRST = 3_000
"""A minute. A day of good runs is before it, then some that fail, then good ones again."""
DAY = [(FIRST - 1_800 + 60 * hour, 0, 5) for hour in range(30)]
TROUBLE = [(FIRST + minute, 2, 1) for minute in range(20)]
RECOVERY = [(FIRST + 20 + minute, 0, 3) for minute in range(100)]


class Told:
    """What was announced; it can be away."""

    def __init__(self) -> None:
        self.patterns: list[tuple[Place, Pattern, Sequence[str]]] = []
        self.is_away = False

    async def announce(self, place: Place, pattern: Pattern, examples: Sequence[str]) -> None:
        if self.is_away:
            raise RetryLater("the bus is away")
        self.patterns.append((place, pattern, examples))


async def fill(store: DocumentStore, minutes: Sequence[tuple[int, int, int]]) -> None:
    """Count executions: (minute, how many whose node met the error, how many without)."""
    figures, sequence = FigureStore(store), 0
    await figures.prepare()
    await PatternDocuments(store).prepare()
    parts: dict[Cell, list[Contribution]] = {}
    for minute, bad, good in minutes:
        for node in [BAD] * bad + [GOOD] * good:
            sequence += 1
            entry = LogEntry(sequence, minute * MINUTE_MS, "id", ended(nodes=(node,)), 1)
            for part in contributions_of(TENANT, f"c{sequence}", entry):
                if part.subject.family in {"nodes", "failures"}:
                    for cell in cells_of(part.subject, entry.timestamp_ms):
                        parts.setdefault(cell, []).append(part)
    rollups = [Versioned(count_in(Rollup(cell), Together(of), Settled("log", 0))[0], 0) for cell, of in parts.items()]
    for start in range(0, len(rollups), 500):
        assert None not in await figures.save(rollups[start : start + 500])


async def never() -> int:
    raise AssertionError("not asked")


async def find(store: DocumentStore, told: Told, *minutes: int) -> None:
    """A new process looks at each of the minutes."""
    finder = FindPatterns(FigureStore(store), PatternDocuments(store), never, told.announce)
    for minute in minutes:
        await finder.find(through_ms=minute * MINUTE_MS + 30_000)


async def kept(store: DocumentStore) -> Pattern:
    return (await PatternDocuments(store).known([PAY]))[PAY].pattern


async def test_a_pattern_is_told_in_its_minute_and_is_over_when_the_node_recovers(store_url: str) -> None:
    store, told = await open_store(store_url), Told()
    await fill(store, [*DAY, *TROUBLE, *RECOVERY])
    await find(store, told, *range(FIRST - 5, FIRST + 120))
    [(place, pattern, examples)] = told.patterns
    # After two minutes of trouble there were four failures, fewer than a pattern has.
    assert (place, pattern.opened_ms // MINUTE_MS) == (PAY, FIRST + 3)
    assert (pattern.failures, pattern.runs) == (6, 9)
    assert len(examples) == 5
    over = await kept(store)
    assert not over.is_open and FIRST + 60 < over.closed_ms // MINUTE_MS < FIRST + 82
    await store.close()


async def test_who_is_killed_between_telling_and_storing_says_the_same_again(store_url: str) -> None:
    store, told = await open_store(store_url), Told()
    await fill(store, [*DAY, *TROUBLE])
    await find(store, told, FIRST)
    told.is_away = True
    with pytest.raises(RetryLater):
        await find(store, told, FIRST + 9)
    told.is_away = False
    assert (await PatternDocuments(store).judged_ms()) // MINUTE_MS == FIRST + 2
    await find(store, told, FIRST + 9)
    first = list(told.patterns)
    [document] = (await store.find("patterns")).documents
    mark = await store.get("marks", "patterns")
    assert mark is not None
    await store.delete("patterns", document.id, expected_version=document.version)
    await store.put("marks", "patterns", {"judged_ms": FIRST * MINUTE_MS}, expected_version=mark.version)
    await find(store, told, FIRST + 9)
    assert len(first) == 1 and told.patterns == first * 2
    await store.close()


@ON_BOTH_STORES
async def test_two_replicas_tell_the_same_and_keep_it_once(store_url: str) -> None:
    store, told = await open_store(store_url), Told()
    await fill(store, [*DAY, *TROUBLE])
    for minute in range(FIRST, FIRST + 6):
        await find(store, told, minute)
        await find(store, told, minute)
    assert len(told.patterns) == 1
    assert (await kept(store)).is_open
    await store.close()


async def test_the_bus_hears_it_once_and_http_shows_it(nats_server: NatsServer, store_url: str) -> None:
    store, first = await open_store(store_url), int(time.time()) // 60 - 10
    await fill(store, [(minute - FIRST + first, bad, good) for minute, bad, good in [*DAY, *TROUBLE[:8]]])
    async with kit(nats_server.url) as connection:
        for _ in range(2):
            await tell_over(connection, store, first)
        told = [entry.message for entry in await Log(connection).read(TENANT, "support")]
        assert [type(message) for message in told] == [PatternDetected]
        [pattern] = told
        assert isinstance(pattern, PatternDetected)
        assert (pattern.node, pattern.error_class, pattern.failures, pattern.runs) == ("pay", "timeout", 6, 9)
        assert (pattern.window_seconds, pattern.breaker_open_until_ms) == (900, 0)
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with served as session:
        for params, count in (({}, 1), ({"is_open": "true"}, 1), ({"tenant": "globex"}, 0), ({"is_open": "false"}, 0)):
            async with session.get("/v1/patterns", params=params) as response:
                shown = (await response.json())["patterns"]
                assert len(shown) == count, params
        async with session.get("/v1/patterns", params={"workflow": "support"}) as response:
            [one] = (await response.json())["patterns"]
        assert (one["node"], one["failures"], one["is_open"], len(one["examples"])) == ("pay", 6, True, 5)
        async with session.get("/v1/patterns", params={"limit": "0"}) as response:
            assert response.status == 422
    await store.close()


async def tell_over(connection: Connection, store: DocumentStore, first: int) -> None:
    """Look at the same minutes as if nothing had been stored."""
    patterns = PatternDocuments(store)
    for document in (await store.find("patterns")).documents:
        await store.delete("patterns", document.id, expected_version=document.version)
    mark = await store.get("marks", "patterns")
    if mark is not None:
        await store.put("marks", "patterns", {"judged_ms": first * MINUTE_MS}, expected_version=mark.version)

    async def announce(place: Place, pattern: Pattern, examples: Sequence[str]) -> None:
        await announce_pattern(connection, place, pattern, examples)

    finder = FindPatterns(FigureStore(store), patterns, never, announce)
    for minute in range(first, first + 6):
        await finder.find(through_ms=minute * MINUTE_MS)
