"""Sums over many conversations hold each change once, whatever order, repeats, other replicas and kills bring."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from tests.support.handovers import ended, opened
from tests.unit.analytics.test_experiment_units import CHOSEN, exposed

from analytics.adapters.figure_store import FigureStore
from analytics.domain.cells import DAY_MS, HOUR_MS, MINUTE_MS, Cell, Family, Span, Subject
from analytics.domain.kpi_blocks import Scope, blocks_of
from analytics.domain.kpi_figures import KpiFigures, kpi_figures
from analytics.domain.postings import outstanding
from analytics.domain.rollup import Rollup, Settled, Versioned
from analytics.handlers.count_messages import Arrived, CountMessages
from contracts.conversations import ConversationRated
from contracts.envelope import LogEntry, Message
from contracts.kpis import MICROS_MAX, HandlingBaseline, KpiRecorded
from document_store import DocumentStore, open_store
from document_store.protocol import Outcome, Write

K = TypeVar("K")
SUMS: tuple[Family, ...] = ("worth", "arms", "arm_ratings")
Counted = dict[Cell, tuple[dict[str, int], dict[str, dict[int, int]]]]


class Killed(Exception):
    """The process ends here."""


class DyingStore:
    """A store whose user is killed before one of its writes."""

    def __init__(self, store: DocumentStore) -> None:
        self.store, self.writes_left = store, 10**9

    async def put_many(self, collection: str, writes: Sequence[Write]) -> Sequence[Outcome]:
        if self.writes_left == 0:
            raise Killed
        self.writes_left -= 1
        return await self.store.put_many(collection, writes)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


def conversation(rng: random.Random) -> list[Message]:
    """Any of what changes a sum: versions that serve, sales, ratings, handovers, an experiment."""
    kinds = (
        lambda n: ended(f"x{n}", version=str(rng.randrange(1, 4)), started_ms=rng.randrange(3 * HOUR_MS)),
        lambda n: ended(f"e{n}", version="2.0.0", based_on=CHOSEN, cost_microdollars=rng.randrange(10**6),
                        success=rng.random() < 0.7, finished_ms=rng.randrange(90_000)),
        lambda _: exposed(f"{rng.randrange(1, 3)}.0.0"),
        lambda _: KpiRecorded(kpi_id=f"k{rng.randrange(3)}", name="revenue", currency="EUR",
                              value_micros=rng.randrange(-9, 99)),
        lambda _: ConversationRated(rating=rng.randrange(1, 6)),
        lambda n: opened(f"h{n}"),
    )  # fmt: skip
    return [rng.choice(kinds)(n) for n in range(rng.randrange(1, 12))]


def log_of(rng: random.Random) -> list[Arrived]:
    """Conversations through each other, over two days."""
    waiting = [(f"c{number}", conversation(rng)) for number in range(25)]
    found: list[Arrived] = []
    while waiting:
        key, messages = rng.choice(waiting)
        sequence = len(found) + 1
        at_ms = sequence * 2 * DAY_MS // 200 // MINUTE_MS * MINUTE_MS + rng.randrange(MINUTE_MS)
        found.append(Arrived("acme", key, LogEntry(sequence, at_ms, f"id{sequence}", messages.pop(0), 10)))
        waiting = [one for one in waiting if one[1]]
    return found


async def opened_figures(path: Path) -> tuple[FigureStore, DyingStore]:
    store = DyingStore(await open_store(f"sqlite:///{path}"))
    figures = FigureStore(store)  # type: ignore[arg-type]
    await figures.prepare()
    return figures, store


async def sums_in(figures: FigureStore) -> Counted:
    spans: tuple[Span, ...] = ("minute", "hour", "day")
    found = [
        rollup
        for span in spans
        for rollup in await figures.rollups(SUMS, (), from_ms=0, to_ms=9 * DAY_MS, at_most=100_000, spans=(span,))
    ]
    return {
        rollup.cell: (
            without_zeros(rollup.counts),
            {name: without_zeros(one) for name, one in rollup.histograms.items()},
        )
        for rollup in found
        if without_zeros(rollup.counts)
    }


def without_zeros(counts: Mapping[K, int]) -> dict[K, int]:
    return {name: count for name, count in counts.items() if count}


async def counted_in_order(path: Path, log: Sequence[Arrived]) -> Counted:
    """One message after the other, and nothing fails."""
    figures, _ = await opened_figures(path)

    async def settled() -> Settled:
        return Settled("log", 0)

    for arrived in log:
        await CountMessages(figures, settled, on_counted=lambda _: None).count([arrived])
    return await sums_in(figures)


class Consumers:
    """Two replicas of one consumer: what is not acknowledged comes again, to any of them, in any order."""

    def __init__(self, figures: FigureStore, store: DyingStore, rng: random.Random) -> None:
        self.figures, self.store, self.rng, self.log = figures, store, rng, "log"
        self.acknowledged: set[int] = set()
        self.comes_first = False
        self.replicas = [self.replica(), self.replica()]

    def replica(self) -> CountMessages:
        return CountMessages(self.figures, self.settled, on_counted=lambda _: None)

    async def settled(self) -> Settled:
        floor = 0
        while floor + 1 in self.acknowledged:
            floor += 1
        return Settled(self.log, floor, comes_first=self.comes_first)

    async def count(self, log: Sequence[Arrived]) -> None:
        while waiting := [one for one in log if one.as_counted.sequence not in self.acknowledged]:
            window = waiting[: self.rng.randrange(1, 40)]
            batch = self.rng.sample(window, self.rng.randrange(1, len(window) + 1))
            number = self.rng.randrange(2)
            self.store.writes_left = self.rng.randrange(9) if self.rng.random() < 0.6 else 10**9
            try:
                await self.replicas[number].count(batch)
            except Killed:
                self.replicas[number] = self.replica()
            else:
                self.acknowledged |= {one.as_counted.sequence for one in batch}
        self.store.writes_left = 10**9


@pytest.mark.parametrize("seed", range(8))
async def test_sums_are_those_of_one_count_in_order(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    log = log_of(rng)
    figures, store = await opened_figures(tmp_path / "killed.sqlite3")
    await Consumers(figures, store, rng).count(log)

    expected = await counted_in_order(tmp_path / "in_order.sqlite3", log)
    assert await sums_in(figures) == expected
    assert {cell.subject.family for cell in expected} == set(SUMS)


@pytest.mark.parametrize("seed", range(4))
async def test_an_archive_and_the_log_after_it_are_counted_as_one(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    log = log_of(rng)
    archived, live = log[: len(log) // 2], log[len(log) // 2 :]
    figures, store = await opened_figures(tmp_path / "killed.sqlite3")
    consumers = Consumers(figures, store, rng)
    consumers.log, consumers.comes_first = "archive", True
    numbered = [Arrived(one.tenant, one.key, one.entry, number=n) for n, one in enumerate(archived, start=1)]
    await consumers.count(numbered)
    late = consumers.replica()
    consumers.log, consumers.comes_first = "log", False
    consumers.acknowledged = set(range(1, len(archived) + 1))  # The stream begins after what was archived.
    await consumers.count(live)
    consumers.log, consumers.comes_first = "archive", True
    consumers.acknowledged = set()
    await late.count(numbered[-9:])  # Another replica had not heard that the archive was counted.

    assert await sums_in(figures) == await counted_in_order(tmp_path / "in_order.sqlite3", log)


async def test_a_conversation_of_before_there_were_sums_is_in_them_once_it_is_written_again(tmp_path: Path) -> None:
    figures, _ = await opened_figures(tmp_path / "figures.sqlite3")
    cell = Cell(Subject("acme", "conversations", key="c1"), "all", 0)
    moments = {"rated.4": 5, "served.support/1": 1}
    await figures.save([Versioned(Rollup(cell, moments=moments, log="log", floor=7, postings=None), 0)])
    assert await sums_in(figures) == {}

    async def settled() -> Settled:
        return Settled("log", 7)

    entry = LogEntry(8, 65_000, "id8", KpiRecorded(kpi_id="W7", name="retention"), 10)
    count = CountMessages(figures, settled, on_counted=lambda _: None)
    await count.count([Arrived("acme", "c1", entry)])
    await count.count([Arrived("acme", "c1", entry)])

    day = {cell: counts for cell, (counts, _) in (await sums_in(figures)).items() if cell.span == "day"}
    assert list(day.values()) == [
        {"ratings_ai_only": 1, "rating_sum_ai_only": 4, "satisfied_ai_only": 1, "events.retention": 1,
         "money.retention.": 1_000_000}
    ]  # fmt: skip


async def kpis_of_one_day(path: Path, said: Sequence[tuple[str, Message]]) -> KpiFigures:
    """What these messages, a conversation each or of one, come to."""
    figures, _ = await opened_figures(path)

    async def settled() -> Settled:
        return Settled("log", 0)

    arrived = [Arrived("acme", key, LogEntry(n, n, f"id{n}", one, 10)) for n, (key, one) in enumerate(said, start=1)]
    await CountMessages(figures, settled, on_counted=lambda _: None).count(arrived)
    rollups = await figures.rollups(("worth",), (), from_ms=0, to_ms=DAY_MS, at_most=99, spans=("day",))
    return kpi_figures(blocks_of(Scope(0, DAY_MS), rollups, lambda _, __: HandlingBaseline(), block_ms=DAY_MS))


async def test_names_that_clients_make_up_push_out_neither_ratings_nor_revenue(tmp_path: Path) -> None:
    own = [(f"c{n}", KpiRecorded(kpi_id="W7", name=f"own_{n}", currency="EUR")) for n in range(400)]
    sale = KpiRecorded(kpi_id="W8", name="revenue", currency="EUR", value_micros=-7)
    rated: list[tuple[str, Message]] = [("r1", ConversationRated(rating=5)), ("r2", ConversationRated(rating=1))]
    found = await kpis_of_one_day(tmp_path / "figures.sqlite3", [*own, ("s", sale), *rated])

    assert (found.csat["ai_only"].mean, found.csat["ai_only"].ratings) == (3.0, 2)
    assert found.revenue_micros == {"EUR": -7}
    assert sum(events.count for events in found.events.values()) == 401
    assert found.events["other"].count > 200


@pytest.mark.parametrize(("name", "each"), [("revenue", 1 - MICROS_MAX), ("own", 1 - MICROS_MAX)])
async def test_more_money_than_a_stored_number_holds_is_exact(tmp_path: Path, name: str, each: int) -> None:
    one = KpiRecorded(kpi_id="W7", name=name, currency="EUR", value_micros=each)
    found = await kpis_of_one_day(tmp_path / "figures.sqlite3", [(f"c{n}", one) for n in range(9_300)])
    assert 9_300 * each < -(2**63)
    assert found.events[name].sums_micros == {"EUR": 9_300 * each}


async def test_what_is_booked_to_another_version_leaves_nothing_behind(tmp_path: Path) -> None:
    figures, _ = await opened_figures(tmp_path / "figures.sqlite3")

    async def settled() -> Settled:
        return Settled("log", 0)

    count = CountMessages(figures, settled, on_counted=lambda _: None)
    sale = KpiRecorded(kpi_id="W7", name="revenue", currency="EUR")
    for n, message in enumerate((ended(version="1", started_ms=1), sale, ended("x2", version="2", started_ms=2)), 1):
        await count.count([Arrived("acme", "c1", LogEntry(n, 5 + n, f"id{n}", message, 10))])
    rollups = await figures.rollups(("worth",), (), from_ms=0, to_ms=DAY_MS, at_most=99, spans=("day",))

    def figures_of(version: str) -> KpiFigures:
        blocks = blocks_of(
            Scope(0, DAY_MS, "support", version), rollups, lambda _, __: HandlingBaseline(), block_ms=DAY_MS
        )
        return kpi_figures(blocks)

    assert figures_of("2").revenue_micros == {"EUR": 1_000_000}
    assert (figures_of("1").events, figures_of("1").revenue_micros) == ({}, {})
    assert "revenue_micros_per_execution.EUR" not in figures_of("1").rates


async def test_what_is_acknowledged_is_forgotten_at_the_next_write(tmp_path: Path) -> None:
    figures, _ = await opened_figures(tmp_path / "figures.sqlite3")
    floor = 0

    async def settled() -> Settled:
        return Settled("log", floor)

    count = CountMessages(figures, settled, on_counted=lambda _: None)
    cell = Cell(Subject("acme", "conversations", key="c1"), "all", 0)
    left = []
    for sequence in range(1, 4):
        kpi = KpiRecorded(kpi_id=f"W{sequence}", name="retention")
        await count.count([Arrived("acme", "c1", LogEntry(sequence, 5, f"id{sequence}", kpi, 10))])
        stored = (await figures.load([cell]))[cell].rollup
        left.append(len(outstanding(stored, Settled("log", 0))))
        floor = sequence
    assert left == [1, 1, 1]
