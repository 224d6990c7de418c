"""A message counts once in its rollup, in whatever order and however often it comes."""

import random
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from analytics.domain.rollup import NAMES_MAX, Cell, Contribution, Rollup, Settled, added, count_in

CELL = Cell("acme", "support", "1", 60_000)


def part(sequence: int, latency_ms: int | None = None) -> Contribution:
    return Contribution(sequence, CELL, {"executions": 1, "cost_microdollars": sequence}, latency_ms)


def test_a_message_counts_once() -> None:
    rollup, new = count_in(Rollup(CELL), [part(5), part(5)], Settled("log", 0))
    again, none = count_in(rollup, [part(5)], Settled("log", 0))
    assert (new, none) == ({5}, set())
    assert again.counts == {"executions": 1, "cost_microdollars": 5}


def test_an_older_message_that_comes_after_a_newer_one_counts() -> None:
    rollup, _ = count_in(Rollup(CELL), [part(9)], Settled("log", 0))
    rollup, new = count_in(rollup, [part(3)], Settled("log", 0))
    assert (new, rollup.counts["executions"]) == ({3}, 2)


def test_what_is_settled_is_not_counted_again_and_not_listed() -> None:
    rollup, _ = count_in(Rollup(CELL), [part(3), part(9)], Settled("log", 0))
    rollup, new = count_in(rollup, [part(3), part(12, 100)], Settled("log", 9))
    assert (new, rollup.floor, rollup.applied) == ({12}, 9, {12})
    assert sum(rollup.latency.values()) == 1


def test_the_floor_never_goes_back() -> None:
    rollup, _ = count_in(Rollup(CELL, log="log", floor=9), [part(10)], Settled("log", 0))
    assert rollup.floor == 9


def test_another_log_numbers_its_messages_anew() -> None:
    rollup, _ = count_in(Rollup(CELL), [part(3)], Settled("old", 0))
    rollup, new = count_in(rollup, [part(3)], Settled("new", 0))
    assert (new, rollup.counts["executions"]) == ({3}, 2)


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_any_delivery_of_any_messages_any_number_of_times_counts_each_once(seed: int, messages: int) -> None:
    """Batches are drawn at random; the floor follows what was counted, as the server's ack floor does."""
    randomly = random.Random(seed)
    rollup, floor = Rollup(CELL), 0
    for batch in batches(randomly, messages):
        rollup, _ = count_in(rollup, [part(sequence) for sequence in batch], Settled("log", floor))
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
