"""What an experiment shows is of its own tenant, name, arms and ratings, however long it lasted."""

from itertools import groupby
from pathlib import Path

import pytest
from tests.support.handovers import ended
from tests.unit.analytics.test_experiment_units import CHOSEN, exposed
from tests.unit.analytics.test_judge_experiment import experiment

from analytics.adapters.figure_store import FigureStore
from analytics.domain.cells import DAY_MS, HOUR_MS
from analytics.domain.judge_minute import Stretch
from analytics.domain.rollup import Settled
from analytics.handlers.count_messages import Arrived, CountMessages
from analytics.handlers.read_experiment import read_experiment
from analytics.handlers.read_promise import read_ratings
from contracts.conversations import ConversationRated
from contracts.envelope import LogEntry, Message
from document_store import open_store

ARRIVED: list[tuple[str, str, int, Message]] = [
    ("acme", "c1", 10, exposed("1.0.0")),
    ("acme", "c1", 20, ended("x1", based_on=CHOSEN, cost_microdollars=30_000)),
    ("acme", "c1", 30, ConversationRated(rating=5)),
    ("acme", "c2", HOUR_MS, exposed("1.0.0")),
    ("acme", "c2", DAY_MS + 5, ConversationRated(rating=2)),
    ("acme", "c3", DAY_MS + HOUR_MS, exposed("2.0.0")),
    ("acme", "c4", DAY_MS, exposed("3.0.0")),
    ("acme", "c5", 10, ConversationRated(rating=1)),
    ("globex", "c1", 10, exposed("1.0.0")),
]


@pytest.fixture
async def figures(tmp_path: Path) -> FigureStore:
    figures = FigureStore(await open_store(f"sqlite:///{tmp_path}/figures.sqlite3"))
    await figures.prepare()

    async def settled() -> Settled:
        return Settled("log", 0)

    entries = [
        Arrived(tenant, key, LogEntry(sequence, at_ms, f"id{sequence}", message, 10))
        for sequence, (tenant, key, at_ms, message) in enumerate(ARRIVED, start=1)
    ]
    await CountMessages(figures, settled, on_counted=lambda _: None).count(entries)
    return figures


async def test_conversations_are_those_of_the_tenant_the_experiment_and_its_arms(figures: FigureStore) -> None:
    shown = await read_experiment(figures, "acme", experiment(name="better"), now_ms=2 * DAY_MS)
    foreign = await read_experiment(figures, "globex", experiment(name="better"), now_ms=2 * DAY_MS)
    other = await read_experiment(figures, "acme", experiment(name="one"), now_ms=2 * DAY_MS)

    assert [(arm.conversations, arm.ended) for arm in shown.report.arms] == [(2, 1), (1, 0)]
    assert [arm.conversations for arm in foreign.report.arms] == [1, 0]
    assert [arm.conversations for arm in other.report.arms] == [0, 0]
    assert shown.report.arms[0].means["cost_usd"] == 0.03


async def test_promises_about_ratings_are_not_judged_by_a_part_of_them(figures: FigureStore) -> None:
    window = Stretch(0, 2 * DAY_MS, ("day",))
    whole = await read_ratings(figures, "acme", "support", window, at_most=9)
    figures.is_complete = False

    assert whole is not None and whole.events == 1
    assert await read_ratings(figures, "acme", "support", window, at_most=9) is None


async def test_ratings_are_those_of_exposed_conversations(figures: FigureStore) -> None:
    shown = await read_experiment(figures, "acme", experiment(name="better"), now_ms=2 * DAY_MS)

    assert (shown.report.arms[0].means["csat"], shown.report.arms[1].means["csat"]) == (3.5, None)


@pytest.mark.parametrize(
    ("lasted_ms", "steps"),
    [(HOUR_MS, [1, 3]), (3 * DAY_MS, [2, 3]), (20 * DAY_MS, [2, 3])],
    ids=["minutes", "hours", "days"],
)
async def test_the_history_adds_up_to_all_conversations(figures: FigureStore, lasted_ms: int, steps: list[int]) -> None:
    one = experiment(name="better", started_ms=1, stopped_ms=lasted_ms)
    points = (await read_experiment(figures, "acme", one, now_ms=20 * DAY_MS)).history

    assert [number for number, _ in groupby(point.conversations for point in points)] == steps
