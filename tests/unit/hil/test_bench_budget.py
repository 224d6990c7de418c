"""Does `hil bench budget` see it when more is spent than a budget allows?"""

from dataclasses import replace

import pytest

from hil.bench.budget import AFTERWARDS, KILLED, TOGETHER, Rule, judged
from hil.bench.budget_stage import Seen

TEN = TOGETHER[0]
DEAR = TOGETHER[2]
RIGHT = Seen(reached=10, billed=4_459, spent=4_460, held=0)


def violations(rule: Rule, seen: Seen) -> list[str]:
    return judged(rule, seen, 4_460, {200: seen.reached, 0: 1}).violations


def test_ten_calls_of_a_budget_worth_ten_are_right() -> None:
    row = judged(TEN, RIGHT, 4_460, {200: 10, 429: 389, 0: 1})
    assert (row.allowed, row.reached_upstream, row.leaked_microdollars, row.violations) == (10, 10, 0, [])
    assert row.statuses == {"no answer": 1, "200": 10, "429": 389}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (replace(RIGHT, reached=11), "11 calls reached the upstream, 10 were allowed"),
        (replace(RIGHT, reached=1), "1 calls reached the upstream, the budget is worth at least 10"),
        (replace(RIGHT, billed=4_900, spent=4_900), "440 micro-dollars were billed beyond the budget"),
        (replace(RIGHT, spent=4_000), "459 micro-dollars were billed and never counted"),
    ],
    ids=["too many", "too few", "too dear", "uncounted"],
)
def test_every_kind_of_leak_is_a_violation(seen: Seen, said: str) -> None:
    assert violations(TEN, seen) == [said]


def test_what_is_still_held_is_counted() -> None:
    assert violations(TEN, replace(RIGHT, spent=446, held=4_014)) == []


def test_a_dear_provider_may_bill_the_calls_in_flight_and_nothing_more() -> None:
    assert violations(DEAR, Seen(reached=10, billed=222_975, spent=222_980, held=0)) == []
    assert violations(DEAR, Seen(reached=11, billed=245_272, spent=245_280, held=0)) != []


def test_every_scenario_has_a_tenant_and_a_title_of_its_own() -> None:
    rules = TOGETHER + AFTERWARDS + KILLED
    assert len({rule.part.name for rule in rules}) == len({rule.title for rule in rules}) == len(rules) == 9
