"""A message counts once in its rollup, in whatever order and however often it comes."""

import random
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from analytics.domain.cells import Cell, Subject
from analytics.domain.rollup import MOMENTS_MAX, NAMES_MAX, Contribution, Rollup, Settled, Together, added, count_in

SUBJECT = Subject("acme", "executions", "support", "1")
CELL = Cell(SUBJECT, "minute", 60_000)


def part(sequence: int, latency_ms: int | None = None) -> Contribution:
    values = {} if latency_ms is None else {"latency_ms": latency_ms}
    return Contribution(sequence, SUBJECT, {"executions": 1, "cost_microdollars": sequence}, values)


def test_a_message_counts_once() -> None:
    rollup, new = count_in(Rollup(CELL), Together([part(5), part(5)]), Settled("log", 0))
    again, none = count_in(rollup, Together([part(5)]), Settled("log", 0))
    assert (new, none) == ({5}, set())
    assert again.counts == {"executions": 1, "cost_microdollars": 5}


def test_an_older_message_that_comes_after_a_newer_one_counts() -> None:
    rollup, _ = count_in(Rollup(CELL), Together([part(9)]), Settled("log", 0))
    rollup, new = count_in(rollup, Together([part(3)]), Settled("log", 0))
    assert (new, rollup.counts["executions"]) == ({3}, 2)


def test_what_is_settled_is_not_counted_again_and_not_listed() -> None:
    rollup, _ = count_in(Rollup(CELL), Together([part(3), part(9)]), Settled("log", 0))
    rollup, new = count_in(rollup, Together([part(3), part(12, 100)]), Settled("log", 9))
    assert (new, rollup.floor, rollup.applied) == ({12}, 9, {12})
    assert sum(rollup.histogram("latency_ms").values()) == 1


def test_the_floor_never_goes_back() -> None:
    rollup, _ = count_in(Rollup(CELL, log="log", floor=9), Together([part(10)]), Settled("log", 0))
    assert rollup.floor == 9


def test_another_log_numbers_its_messages_anew() -> None:
    rollup, _ = count_in(Rollup(CELL), Together([part(3)]), Settled("old", 0))
    rollup, new = count_in(rollup, Together([part(3)]), Settled("new", 0))
    assert (new, rollup.counts["executions"]) == ({3}, 2)


def test_an_archive_counts_before_the_log_and_nothing_of_it_after() -> None:
    archive, log = Settled("archive", 0, comes_first=True), Settled("log", 0)
    rollup, first = count_in(Rollup(CELL), Together([part(1), part(2)]), archive)
    rollup, again = count_in(rollup, Together([part(2), part(3)]), archive)
    rollup, live = count_in(rollup, Together([part(1)]), log)
    late, none = count_in(rollup, Together([part(4)]), archive)
    assert (first, again, live, none) == ({1, 2}, {3}, {1}, set())
    assert late == rollup and rollup.counts["executions"] == 4


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_any_delivery_of_any_messages_any_number_of_times_counts_each_once(seed: int, messages: int) -> None:
    """Batches are drawn at random; the floor follows what was counted, as the server's ack floor does."""
    randomly = random.Random(seed)
    rollup, floor = Rollup(CELL), 0
    for batch in batches(randomly, messages):
        rollup, _ = count_in(rollup, Together([part(sequence) for sequence in batch]), Settled("log", floor))
        while floor < messages and rollup.holds(floor + 1) and randomly.random() < 0.7:
            floor += 1
    assert rollup.counts["executions"] == messages
    assert rollup.counts["cost_microdollars"] == messages * (messages + 1) // 2


def batches(randomly: random.Random, messages: int) -> Iterator[list[int]]:
    missing = set(range(1, messages + 1))
    while missing:
        batch = [randomly.randint(1, messages) for _ in range(randomly.randint(1, 10))]
        missing -= set(batch)
        yield batch


def test_names_are_bounded_and_none_of_the_plain_ones_is_lost() -> None:
    labels = ({f"reason.{number}": 1} for number in range(NAMES_MAX + 50))
    counts = added({}, [*labels, {"executions": 2}])
    assert len(counts) <= NAMES_MAX + 2
    assert counts["executions"] == 2
    assert counts["reason.other"] == 50


def test_of_each_moment_the_earliest_is_kept_in_whatever_order_they_come() -> None:
    parts = [Contribution(n, SUBJECT, {}, moments={"first.ai": at_ms}) for n, at_ms in ((1, 500), (2, 300), (3, 400))]
    for order in (parts, parts[::-1]):
        rollup, _ = count_in(Rollup(CELL), Together(order), Settled("log", 0))
        assert rollup.moments == {"first.ai": 300}


def test_moments_are_bounded_and_what_found_no_room_is_counted() -> None:
    parts = [Contribution(n, SUBJECT, {}, moments={f"free.{n}": n}) for n in range(1, MOMENTS_MAX + 3)]
    rollup, _ = count_in(Rollup(CELL), Together(parts), Settled("log", 0))
    assert (len(rollup.moments), rollup.counts["moments_dropped"]) == (MOMENTS_MAX, 2)
