"""Is a report of an experiment made once for all who ask at the same time, and anew when it is old or failed?"""

import asyncio
from pathlib import Path

import pytest
from tests.unit.analytics.test_judge_experiment import experiment

from analytics.adapters.figure_store import FigureStore
from analytics.domain.cells import Cell, Subject
from analytics.domain.rollup import Rollup, Settled, Versioned
from analytics.handlers.judge_experiments import KEPT_MAX, KEPT_MS, JudgeExperiments
from document_store import open_store
from service_kit.errors import RetryLater


class Bench:
    """A store, a clock, and how often it was asked through which message all is counted."""

    def __init__(self, figures: FigureStore) -> None:
        self.figures, self.now_ms, self.asked, self.is_away = figures, 1_000_000, 0, False
        self.judge = JudgeExperiments(figures, self.settled, lambda: self.now_ms)

    async def settled(self) -> Settled:
        self.asked += 1
        if self.is_away:
            raise RetryLater("no answer")
        return Settled("log", self.asked)

    async def expose(self, key: str, *, tenant: str = "acme", experiment: str = "one") -> None:
        unit = Subject(tenant, "experiments", key=key, experiment=experiment)
        await self.figures.save([Versioned(Rollup(Cell(unit, "all", 0), moments={"exposed.1.0.0": 1_500}), 0)])

    async def rate(self, key: str, rating: int) -> None:
        cell = Cell(Subject("acme", "conversations", key=key), "all", 0)
        await self.figures.save([Versioned(Rollup(cell, moments={f"rated.{rating}": 1_600}), 0)])


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    figures = FigureStore(await open_store(f"sqlite:///{tmp_path}/figures.sqlite3"))
    await figures.prepare()
    return Bench(figures)


async def test_who_asks_at_the_same_time_gets_the_same_report(bench: Bench) -> None:
    reports = await asyncio.gather(*(bench.judge("acme", experiment()) for _ in range(5)))

    assert (len({id(one) for one in reports}), bench.asked) == (1, 1)


async def test_a_report_is_made_anew_when_it_is_old(bench: Bench) -> None:
    first = await bench.judge("acme", experiment())
    await bench.expose("c1")
    again = await bench.judge("acme", experiment())
    bench.now_ms += KEPT_MS
    anew = await bench.judge("acme", experiment())

    assert again is first
    assert [arm.conversations for arm in anew.report.arms] == [1, 0]


async def test_another_tenants_and_a_stopped_experiment_have_reports_of_their_own(bench: Bench) -> None:
    await bench.expose("c1", tenant="globex")
    mine, theirs = await bench.judge("acme", experiment()), await bench.judge("globex", experiment())
    await bench.judge("acme", experiment(stopped_ms=2_000))

    assert [one.report.arms[0].conversations for one in (mine, theirs)] == [0, 1]
    assert bench.asked == 3


async def test_a_report_that_failed_is_tried_again_at_once(bench: Bench) -> None:
    bench.is_away = True
    with pytest.raises(RetryLater):
        await bench.judge("acme", experiment())
    bench.is_away = False

    assert (await bench.judge("acme", experiment())).as_of_seq == 2


async def test_who_stops_waiting_does_not_stop_the_report_of_others(bench: Bench) -> None:
    impatient = asyncio.create_task(bench.judge("acme", experiment()))
    patient = asyncio.create_task(bench.judge("acme", experiment()))
    await asyncio.sleep(0)
    impatient.cancel()

    assert (await patient).as_of_seq == 1


async def test_only_so_many_reports_are_kept(bench: Bench) -> None:
    for number in range(KEPT_MAX + 1):
        await bench.judge("acme", experiment(name=f"e{number}"))
    await bench.judge("acme", experiment(name=f"e{KEPT_MAX}"))
    await bench.judge("acme", experiment(name="e0"))

    assert bench.asked == KEPT_MAX + 2


async def test_ratings_are_those_of_the_conversations_where_they_are_asked_for(bench: Bench) -> None:
    for key, rating in (("c1", 5), ("c2", 2)):
        await bench.expose(key)
        await bench.rate(key, rating)
    await bench.expose("c3")
    asked = await bench.judge("acme", experiment(metrics=["csat"]))

    assert asked.report.arms[0].means["csat"] == 3.5
    assert (await bench.judge("acme", experiment())).report.arms[0].means["csat"] is None


async def test_conversations_of_other_experiments_are_not_its_own_and_too_many_are_cut(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("c1", "c2", "c3"):
        await bench.expose(key)
    await bench.expose("c4", experiment="another")
    whole = await bench.judge("acme", experiment())
    monkeypatch.setattr("analytics.handlers.judge_experiments.UNITS_MAX", 2)
    cut = await bench.judge("acme", experiment(stopped_ms=5_000))

    assert [(one.report.arms[0].conversations, one.is_cut) for one in (whole, cut)] == [(3, False), (2, True)]
