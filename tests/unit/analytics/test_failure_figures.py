"""Errors of nodes are counted where they are found quickly, and agree with the figures of the node."""

from tests.support.handovers import ended

from analytics.domain.cells import Cell, Subject
from analytics.domain.contributions import contributions_of
from analytics.domain.failure_figures import examples_of, failing, tally_of
from analytics.domain.failure_patterns import Place, Tally
from analytics.domain.rollup import Rollup, Settled, Together, count_in
from contracts.envelope import LogEntry
from contracts.executions import NodeMetrics

PAY = Place("acme", "support", "pay", "timeout")


def failed(node: str = "pay", error_class: str | None = "timeout", **fields: object) -> NodeMetrics:
    return NodeMetrics.model_validate({"node": node, "outcome": "failed", "error_class": error_class, **fields})


def counted(*ends: tuple[str, tuple[NodeMetrics, ...]]) -> dict[str, list[Rollup]]:
    """Rollups by family after these executions, each of a key, one a second."""
    rollups: dict[Subject, Rollup] = {}
    for number, (key, nodes) in enumerate(ends, 1):
        entry = LogEntry(number, number * 1_000, "id", ended(nodes=nodes), 1)
        for part in contributions_of("acme", key, entry):
            known = rollups.get(part.subject, Rollup(Cell(part.subject, "minute", 0)))
            rollups[part.subject] = count_in(known, Together([part]), Settled("log", 0))[0]
    found: dict[str, list[Rollup]] = {"failures": [], "nodes": []}
    for subject, rollup in rollups.items():
        found.setdefault(subject.family, []).append(rollup)
    return found


def test_runs_that_met_an_error_count_by_place_and_agree_with_the_node() -> None:
    found = counted(
        ("c1", (failed(), failed("look", "denied"))),
        ("c2", (failed(outcome="done"),)),
        ("c3", (failed(error_class=None, outcome="done"),)),
    )
    assert failing(found["failures"]) == {PAY: 2, Place("acme", "support", "look", "denied"): 1}
    assert tally_of(PAY, found["nodes"]) == Tally(3, 2)


def test_an_execution_without_an_error_counts_nothing_among_them() -> None:
    assert counted(("c1", (failed(error_class=None, outcome="done"),)))["failures"] == []


def test_two_nodes_with_one_label_are_one_place() -> None:
    found = counted(("c1", (failed("n" * 64 + "x"), failed("n" * 64 + "y"))))
    assert failing(found["failures"]) == {Place("acme", "support", "n" * 64, "timeout"): 2}


def test_moments_that_found_no_room_are_no_error_class() -> None:
    assert failing([Rollup(Cell(Subject("acme", "failures"), "hour", 0), {"moments_dropped": 3})]) == {}


def test_examples_are_the_newest_executions_of_the_place() -> None:
    found = counted(
        ("c1", (failed(),)), ("c2", (failed(error_class="denied"),)), ("c3", (failed("look"),)),
        ("c4", (failed(),)), ("c5", (failed(),)), ("c1", (failed(),)),
    )["failures"]  # fmt: skip
    assert examples_of(PAY, found, at_most=2) == ("c5", "c4")
    assert examples_of(PAY, found, at_most=9) == ("c5", "c4", "c1")
