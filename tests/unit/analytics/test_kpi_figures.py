"""KPIs of a period from what is counted: exact sums, the right version, no mixed currencies."""

from collections.abc import Mapping

import pytest
from tests.support.handovers import ended

from analytics.domain.bootstrap import Pairing
from analytics.domain.cells import DAY_MS, HOUR_MS, MINUTE_MS, Cell, Subject
from analytics.domain.contribute import contribution_of
from analytics.domain.conversation_worth import worth_of
from analytics.domain.kpi_blocks import Scope, block_of, blocks_of
from analytics.domain.kpi_figures import Csat, Events, KpiFigures, differences, kpi_figures
from analytics.domain.rollup import Rollup, Settled, Together, count_in
from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished
from contracts.kpis import HandlingBaseline

DAY = Scope(0, DAY_MS, "support")
SERVED = {"served.support/1": 0}


def default(tenant: str, workflow: str) -> HandlingBaseline:
    return HandlingBaseline()


def rollup_of(*messages: ExecutionFinished, at_ms: int = 0) -> Rollup:
    parts = [contribution_of("acme", LogEntry(n, at_ms, "id", message, 1)) for n, message in enumerate(messages, 1)]
    return count_in(Rollup(Cell(parts[0].subject, "minute", at_ms)), Together(parts), Settled("log", 0))[0]


def figures(*rollups: Rollup, scope: Scope = DAY, conversations: tuple[Mapping[str, int], ...] = ()) -> KpiFigures:
    found = [*rollups, *(part for moments in conversations for part in worth(moments))]
    within = [one for one in found if scope.from_ms <= one.cell.start_ms < scope.to_ms]
    return kpi_figures(blocks_of(scope, within, default, block_ms=HOUR_MS))


def worth(moments: Mapping[str, int]) -> list[Rollup]:
    """What a conversation of these moments adds to sums, as rollups of minutes."""
    conversation = Rollup(Cell(Subject("acme", "conversations", key="c1"), "all", 0), moments=moments)
    shares = worth_of(conversation).items()
    return [Rollup(Cell(subject, "minute", minute_ms), share.counts) for (subject, minute_ms), share in shares]


def test_an_execution_of_30_seconds_and_4_cents_saves_270_seconds_and_2_0433_dollars() -> None:
    found = figures(rollup_of(ended(started_ms=0, finished_ms=30_000, cost_microdollars=40_000)))
    assert (found.time_saved_ms, found.cost_saved_microdollars) == (270_000, 2_043_333)
    assert round(found.cost_saved_microdollars / 1_000_000, 4) == 2.0433


def test_an_execution_with_a_person_saves_no_time_and_costs_what_it_cost() -> None:
    handed_over = ended(sink="HANDOVER", reason="customer_request", cost_microdollars=40_000)
    found = figures(rollup_of(handed_over, ended(people_asked=1, cost_microdollars=2)))
    assert (found.executions, found.unaided) == (2, 0)
    assert (found.time_saved_ms, found.cost_saved_microdollars) == (0, -40_002)


def test_cost_saved_is_rounded_once_for_the_whole_period() -> None:
    found = figures(*(rollup_of(ended(finished_ms=1_000), at_ms=hour * HOUR_MS) for hour in range(3)))
    assert found.cost_saved_microdollars == 6_250_000


def test_only_executions_of_the_version_and_of_the_period_count() -> None:
    rollups = rollup_of(ended()), rollup_of(ended(version="2")), rollup_of(ended(), at_ms=DAY_MS)
    assert figures(*rollups).executions == 2
    assert figures(*rollups, scope=Scope(0, DAY_MS, "support", "2")).executions == 1
    assert figures(*rollups, scope=Scope(0, DAY_MS, "returns")).executions == 0


def test_executions_of_a_shadow_do_not_count() -> None:
    found = figures(rollup_of(ended()), rollup_of(ended(stage="shadow", cost_microdollars=9)))
    assert (found.executions, found.cost_microdollars) == (1, 0)


def test_a_rate_of_enough_blocks_has_an_interval() -> None:
    ends = [ended(finished_ms=second * 1_000) for second in range(1, 11)]
    rollups = [rollup_of(*ends[: hour % 9 + 2], at_ms=hour * HOUR_MS) for hour in range(24)]
    rate = figures(*rollups).rates["time_saved_ms_per_execution"]
    assert rate.low is not None and rate.value is not None and rate.high is not None
    assert 294_000 < rate.low < rate.value < rate.high < 299_000


def test_a_slower_execution_than_a_person_saves_less_than_nothing() -> None:
    assert figures(rollup_of(ended(started_ms=0, finished_ms=400_000))).time_saved_ms == -100_000


def test_each_workflow_is_measured_against_its_own_baseline() -> None:
    def baseline_of(tenant: str, workflow: str) -> HandlingBaseline:
        return HandlingBaseline(handling_ms=60_000 if (tenant, workflow) == ("acme", "returns") else 0)

    rollups = rollup_of(ended(finished_ms=1_000)), rollup_of(ended(finished_ms=1_000, workflow="returns"))
    blocks = blocks_of(Scope(0, DAY_MS), rollups, baseline_of, block_ms=DAY_MS)
    assert kpi_figures(blocks).time_saved_ms == 60_000


def test_events_count_by_name_and_money_by_currency() -> None:
    moments = {
        "served.support/1": 0, "kpi.a.revenue.EUR.1500000": 5, "kpi.b.revenue.USD.-500000": 6,
        "kpi.c.conversion..1000000": 7, "kpi.d.revenue.EUR.1": DAY_MS, "opened.policy.h1": 3,
    }  # fmt: skip
    found = figures(rollup_of(ended(), ended()), conversations=(moments,))
    assert found.revenue_micros == {"EUR": 1_500_000, "USD": -500_000}
    assert found.events == {
        "conversion": Events(1, {"none": 1_000_000}),
        "revenue": Events(2, {"EUR": 1_500_000, "USD": -500_000}),
    }
    assert found.rates["conversions_per_execution"].value == 0.5
    assert found.rates["revenue_micros_per_execution.EUR"].value == 750_000


def test_what_came_of_a_conversation_is_booked_to_the_version_that_served_it() -> None:
    conversation = {
        "served.support/1": 0, "served.support/2": 50, "kpi.a.revenue.EUR.1": 40, "kpi.b.revenue.EUR.10": 60,
    }  # fmt: skip
    foreign = {"served.returns/1": 0, "kpi.a.revenue.EUR.100": 40}
    unserved = {"kpi.a.revenue.EUR.1000": 40}
    every = (conversation, foreign, unserved)

    def revenue(workflow: str | None, version: str | None) -> Mapping[str, int]:
        return figures(scope=Scope(0, DAY_MS, workflow, version), conversations=every).revenue_micros

    assert revenue("support", "1") == {"EUR": 1}
    assert revenue("support", "2") == {"EUR": 10}
    assert revenue("support", None) == {"EUR": 11}
    assert revenue("returns", None) == {"EUR": 100}
    assert revenue(None, None) == {"EUR": 1_111}


def test_ratings_are_split_by_whether_a_person_had_been_asked_for() -> None:
    conversations = (
        SERVED | {"rated.5": 10},
        SERVED | {"rated.3": 10, "rated.1": 11, "opened.policy.h1": 20},
        SERVED | {"rated.4": 10, "opened.policy.h1": 9},
        SERVED | {"rated.1": DAY_MS},
        {"rated.1": 10},
        SERVED,
    )
    found = figures(conversations=conversations)
    assert found.csat == {"ai_only": Csat(2, 4.0, 0.5), "handed_over": Csat(1, 4.0, 1.0)}
    assert found.rates["csat_mean.ai_only"].value == 4.0


def test_a_period_without_anything_has_sums_of_nothing_and_no_rates() -> None:
    found = figures()
    assert (found.executions, found.time_saved_ms, found.cost_saved_microdollars, found.events) == (0, 0, 0, {})
    assert found.csat["ai_only"] == Csat(0, None, None)
    assert {rate.value for rate in found.rates.values()} == {None}


@pytest.mark.parametrize(
    ("length_ms", "block_ms", "spans"),
    [
        (MINUTE_MS, MINUTE_MS, ("minute",)),
        (6 * HOUR_MS, 12 * MINUTE_MS, ("minute",)),
        (12 * HOUR_MS, HOUR_MS, ("hour", "minute")),
        (DAY_MS, HOUR_MS, ("hour", "minute")),
        (2 * DAY_MS + MINUTE_MS, 2 * HOUR_MS, ("hour", "minute")),
        (7 * DAY_MS, 6 * HOUR_MS, ("hour", "minute")),
        (12 * DAY_MS, DAY_MS, ("day", "hour", "minute")),
        (365 * DAY_MS, 13 * DAY_MS, ("day", "hour", "minute")),
    ],
)
def test_a_period_has_12_to_30_blocks_of_the_longest_unit_that_gives_so_many(
    length_ms: int, block_ms: int, spans: tuple[str, ...]
) -> None:
    assert block_of(Scope(7, 7 + length_ms, "support")) == (block_ms, spans)


def test_over_all_workflows_there_is_one_block() -> None:
    assert block_of(Scope(7, 7 + DAY_MS)) == (DAY_MS, ("day", "hour", "minute"))


def test_differences_are_those_of_the_rates_and_clear_when_all_of_the_interval_is_on_one_side() -> None:
    slow = [{"executions": 10, "unaided": 10 - hour % 3, "time_saved_ms": 1_000} for hour in range(24)]
    fast = [{**block, "time_saved_ms": 5_000 + hour, "events.revenue": 1, "money.revenue.EUR": 9}
            for hour, block in enumerate(slow)]  # fmt: skip
    found = differences(fast, slow, Pairing.OTHER_TIME)
    saved, unaided = found["time_saved_ms_per_execution"], found["unaided_share"]
    assert saved.is_clear and saved.low is not None and 390 < saved.low < 402 and saved.difference == 401.15
    assert (unaided.difference, unaided.is_clear) == (0, False)
    assert found["revenue_micros_per_execution.EUR"].difference == 0.9
    assert found["csat_mean.ai_only"].difference is None
    worse = differences(slow, fast, Pairing.SAME_TIME)["time_saved_ms_per_execution"]
    assert worse.is_clear and worse.high is not None and worse.high < 0


def test_two_periods_of_too_few_blocks_differ_without_an_interval() -> None:
    block = {"executions": 10, "unaided": 5}
    found = differences([block], [block], Pairing.OTHER_TIME)["unaided_share"]
    assert (found.difference, found.low, found.high, found.is_clear) == (0, None, None, False)
