"""What does a conversation of an experiment say, whatever order its messages come in?"""

from itertools import permutations

import pytest
from tests.support.handovers import BASED, ended

from analytics.domain.cells import Cell, Subject, cells_of
from analytics.domain.contributions import contributions_of
from analytics.domain.experiment_units import Sample, Unit, arm_sums_of, share_of, summary_of, unit_of
from analytics.domain.histogram import bucket_of
from analytics.domain.rollup import Rollup, Settled, Together, count_in
from analytics.domain.share import PART, Share, together
from contracts.envelope import LogEntry, Message
from contracts.experiments import ExperimentExposed, Split

SPLIT = Split.model_validate(
    {
        "name": "better",
        "workflow": "support",
        "arms": [{"version": f"{n}.0.0", "content_hash": f"hash{n}", "percent": 50} for n in (1, 2)],
    }
)
CHOSEN = BASED.model_copy(update={"experiment": "better"})
UNIT = Subject("acme", "experiments", key="c1", experiment="better")


def exposed(version: str = "2.0.0") -> ExperimentExposed:
    return ExperimentExposed(based_on=BASED, workflow_hash="hash2", split=SPLIT, version=version)


def log(*messages: Message) -> list[LogEntry]:
    return [LogEntry(n, n * 1_000, f"id{n}", message, 10) for n, message in enumerate(messages, start=1)]


def units_in(entries: list[LogEntry]) -> Rollup:
    """The rollup of the conversation's unit."""
    parts = [part for entry in entries for part in contributions_of("acme", "c1", entry) if part.subject == UNIT]
    return count_in(Rollup(Cell(UNIT, "all", 0)), Together(parts), Settled("log", 0))[0]


TWO_TURNS = log(
    exposed(),
    ended("x1", based_on=CHOSEN, cost_microdollars=40_000, started_ms=0, finished_ms=3_000),
    ended("x2", based_on=CHOSEN, cost_microdollars=2_000, finished_ms=2_000, sink="HANDOVER", success=False),
    ended("x3", cost_microdollars=7_000_000, success=False),
)


def test_executions_that_the_experiment_chose_are_summed_and_others_are_not() -> None:
    unit = unit_of(units_in(TWO_TURNS))

    assert unit is not None and unit.slowest == bucket_of(3_000)
    assert (unit.version, unit.exposed_ms, unit.executions, unit.successes) == ("2.0.0", 1_000, 2, 1)
    assert (unit.handovers, unit.cost_microdollars, unit.latency_ms) == (1, 42_000, 4_000)


def test_the_order_of_messages_does_not_matter() -> None:
    found = {repr(unit_of(units_in(list(order)))) for order in permutations(TWO_TURNS)}

    assert len(found) == 1


def test_a_conversation_is_no_unit_before_its_exposure_is_counted() -> None:
    assert unit_of(units_in(TWO_TURNS[1:])) is None


def test_of_two_exposures_the_first_is_the_arm() -> None:
    unit = unit_of(units_in(log(exposed("1.0.0"), exposed("2.0.0"))))

    assert unit == Unit("1.0.0", 1_000)


def test_a_default_response_is_no_success() -> None:
    unit = unit_of(units_in(log(exposed(), ended(based_on=CHOSEN, default_response=True))))

    assert unit is not None and (unit.executions, unit.successes) == (1, 0)


def test_a_unit_has_one_cell_of_all_its_time_apart_from_the_conversations() -> None:
    [cell] = cells_of(UNIT, 5_000)

    assert (cell.span, cell.id) == ("all", "acme/all/0/experiments////////c1/better")
    assert cell.id != Cell(Subject("acme", "experiments", key="c1"), "all", 0).id


def test_a_conversation_adds_to_its_arm_in_the_minute_of_its_exposure() -> None:
    rollup = units_in([LogEntry(1, 90_000, "id1", exposed(), 10)])

    arm = Subject("acme", "arms", version="2.0.0", experiment="better")
    assert arm_sums_of(rollup) == {(arm, 60_000): Share({"conversations": 1})}
    assert arm_sums_of(units_in(TWO_TURNS[1:])) == {}


def unit(**fields: int) -> Unit:
    return Unit("1.0.0", 0, **fields)


def test_a_conversation_succeeds_if_all_of_its_executions_do_and_is_measured_once_one_ended() -> None:
    units = [
        unit(),
        unit(executions=2, successes=2, cost_microdollars=30_000, latency_ms=5_001, slowest=7),
        unit(executions=2, successes=1, handovers=2, cost_microdollars=10_000, latency_ms=1_000, slowest=7),
    ]
    rated = Share({"csat.count": 1, "csat.total": 5, "csat.squares": 25})
    summary = summary_of(together([*map(share_of, units), rated]))

    assert (summary.conversations, summary.ended, summary.slowest) == (3, 2, {7: 2})
    means = {metric: sample.mean for metric, sample in summary.samples.items()}
    assert means == {
        "success_rate": 0.5,
        "error_rate": 0.5,
        "handover_rate": 0.5,
        "cost_usd": 0.02,
        "latency_ms": 1_500,
        "csat": 5,
    }
    assert summary.samples["cost_usd"].squares == 30_000**2 + 10_000**2
    assert summary.samples["success_rate"].squares == 1


def test_squares_of_what_costs_most_are_exact_and_no_stored_number_is_longer_than_64_bits() -> None:
    dear = unit(executions=1, successes=1, cost_microdollars=10**12 + 1, latency_ms=3_600_000, slowest=7)
    share = share_of(dear)

    assert all(abs(count) * 1_000_000 < 2**63 for name, count in share.counts.items() if name.endswith("squares"))
    assert share.counts["cost_usd.squares_high"] * PART + share.counts["cost_usd.squares"] == (10**12 + 1) ** 2
    assert summary_of(together([share] * 3)).samples["cost_usd"].squares == 3 * (10**12 + 1) ** 2


def test_sums_are_exact_where_floating_point_would_not_be() -> None:
    values = [10**9 + n for n in range(4)]
    found = Sample(4, sum(values), sum(value * value for value in values))

    assert found.variance_of_mean == pytest.approx(5 / 3 / 4, rel=1e-12)
    halves = (
        Sample(2, sum(values[:2]), sum(v * v for v in values[:2])),
        Sample(2, sum(values[2:]), sum(v * v for v in values[2:])),
    )
    assert halves[0].plus(halves[1]) == found


def test_costs_vary_in_dollars() -> None:
    assert Sample(2, 3_000_000, 5 * 10**12, 1_000_000).variance_of_mean == pytest.approx(0.25)


def test_where_all_say_the_same_the_truth_may_still_be_near_it() -> None:
    all_ones = Sample(100, 100, 100)

    assert all_ones.variance_of_mean == 0
    assert all_ones.variance_within(0, 1) == pytest.approx(101 / 102 / 102 / 100)
    assert Sample(100, 500, 2_500).variance_within(1, 5) == pytest.approx(16 * 101 / 102 / 102 / 100)
    assert Sample().mean is None
