"""Does the gate stop what is worse, with every reason, and nothing else?"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.evaluations import evaluation, trial

from contracts.objectives import Bound, Metric, Objective, Slos
from hil.eval.chance import chance_of
from hil.eval.figures import pass_rate
from hil.eval.gate import Verdict, decide
from hil.eval.results import Trial
from hil.eval.tolerance import GateRules

RULES, NO_PROMISE = GateRules(), Slos()
GOOD = evaluation({name: [trial(), trial()] for name in "abcdefgh"})


def every(one: Trial) -> dict[str, list[Trial]]:
    return {name: [one, one] for name in "abcdefgh"}


def promise(metric: Metric, comparison: str, threshold: float, minimum_events: int = 10) -> Slos:
    bound = Bound.model_validate({"metric": metric, "comparison": comparison, "threshold": threshold})
    return Slos(objectives=(Objective(name="o", bound=bound),), minimum_events=minimum_events)


def test_the_same_again_passes() -> None:
    decision = decide(GOOD, GOOD, RULES, NO_PROMISE)
    assert decision.verdict is Verdict.PASSED
    assert (decision.regressions, decision.unproven, decision.notes) == ((), (), ())


@pytest.mark.parametrize(
    ("worse", "metrics", "said"),
    [
        (trial(fails="reply"), {"pass_rate", "pass^2"}, "reply 16"),
        (trial(fails="tools"), {"pass_rate", "pass^2"}, "tools 16"),
        (trial(cost=11_500), {"cost_per_request"}, "allowed 0.011"),
        (trial(latency_ms=1_600), {"p95_latency_ms"}, "is 1600"),
        (trial(success=False), {"success_rate"}, "is 0"),
        (trial(sink="HANDOVER"), {"handover_rate", "intervention_rate"}, "policy 16"),
    ],
)
def test_each_sort_of_worse_is_stopped_for_its_own_reason(worse: Trial, metrics: set[str], said: str) -> None:
    decision = decide(GOOD, evaluation(every(worse)), RULES, NO_PROMISE)
    assert decision.verdict is Verdict.REGRESSED
    assert {finding.metric for finding in decision.regressions} == metrics
    assert all(said in finding.text for finding in decision.regressions)
    assert decision.unproven == ()


def test_every_regression_is_listed_and_not_only_the_first() -> None:
    worse = trial(fails="sink", sink="HANDOVER", success=False, cost=99_000, latency_ms=9_000, rating=1)
    before = evaluation(every(trial(rating=5)))
    decision = decide(before, evaluation(every(worse)), RULES, promise(Metric.COST_PER_REQUEST, "<=", 0.05))
    assert [finding.metric for finding in decision.regressions] == [
        "pass_rate",
        "success_rate",
        "handover_rate",
        "intervention_rate",
        "cost_per_request",
        "p95_latency_ms",
        "csat",
        "pass^2",
        "cost_per_request",
    ]
    assert "promise cost_per_request <= 0.05 is broken: is 0.099 over 16" in decision.regressions[-1].text


def test_what_is_better_passes() -> None:
    better = trial(cost=1, latency_ms=1, rating=5)
    assert decide(GOOD, evaluation(every(better)), RULES, NO_PROMISE).verdict is Verdict.PASSED


def test_a_difference_within_the_tolerance_passes() -> None:
    rules = GateRules.model_validate({"tolerances": {"pass_rate": 0.2, "pass^k": 0.2, "cost_per_request": "50%"}})
    now = evaluation({**every(trial(cost=14_000)), "a": [trial(fails="tools")] * 2})
    assert decide(GOOD, now, rules, NO_PROMISE).verdict is Verdict.PASSED
    assert decide(GOOD, now, RULES, NO_PROMISE).verdict is Verdict.REGRESSED


def test_a_difference_that_chance_makes_is_not_decided() -> None:
    now = evaluation({**every(trial()), "a": [trial(), trial(fails="tools")]})
    decision = decide(GOOD, now, RULES, NO_PROMISE)
    assert decision.verdict is Verdict.NOT_ENOUGH_TRIALS
    assert {finding.metric for finding in decision.unproven} == {"pass_rate", "pass^2"}
    assert "more trials are needed" in decision.unproven[0].text


def test_one_case_of_many_that_fails_every_time_is_stopped_and_named() -> None:
    before = evaluation({f"c{n}": [trial()] * 4 for n in range(50)})
    now = evaluation({f"c{n}": [trial(fails="database") if n == 7 else trial()] * 4 for n in range(50)})
    decision = decide(before, now, RULES, NO_PROMISE)
    assert decision.verdict is Verdict.REGRESSED
    assert "1 of 50 cases fail more often (c7); failures: database 4" in decision.regressions[0].text


def test_a_case_that_is_lost_for_good_is_stopped_whatever_the_tolerance() -> None:
    rules = GateRules.model_validate({"tolerances": {"pass_rate": 0.5, "pass^k": 0.5}})
    before = evaluation({f"c{n}": [trial()] * 4 for n in range(50)})
    lost = evaluation({f"c{n}": [trial(fails="reply") if n == 7 else trial()] * 4 for n in range(50)})
    decision = decide(before, lost, rules, NO_PROMISE)
    assert [finding.metric for finding in decision.regressions] == ["cases"]
    assert decision.regressions[0].text.startswith(
        "1 cases passed every time and fail every time (c7); failures: reply 4"
    )
    once = evaluation({f"c{n}": [trial(fails="reply") if n == 7 else trial()] for n in range(50)})
    assert decide(before, once, rules, NO_PROMISE).verdict is Verdict.PASSED


def test_fewer_trials_than_asked_for_decide_nothing() -> None:
    decision = decide(GOOD, GOOD, GateRules(trials_min=17), NO_PROMISE)
    assert decision.verdict is Verdict.NOT_ENOUGH_TRIALS
    assert decision.unproven[0].text.startswith("16 trials")
    nothing_in_common = decide(GOOD, evaluation({"z": [trial()]}), RULES, NO_PROMISE)
    assert nothing_in_common.verdict is Verdict.NOT_ENOUGH_TRIALS


def test_what_was_measured_and_is_no_more_is_not_decided() -> None:
    before = evaluation(every(trial(rating=5)))
    decision = decide(before, GOOD, RULES, NO_PROMISE)
    assert decision.verdict is Verdict.NOT_ENOUGH_TRIALS
    assert [finding.metric for finding in decision.unproven] == ["csat"]


def test_a_promise_is_held_to_whatever_the_baseline_was() -> None:
    broken = decide(GOOD, GOOD, RULES, promise(Metric.LATENCY_P95, "<=", 900))
    assert broken.verdict is Verdict.REGRESSED
    assert decide(GOOD, GOOD, RULES, promise(Metric.LATENCY_P95, "<=", 1_000)).verdict is Verdict.PASSED
    assert decide(GOOD, GOOD, RULES, promise(Metric.SUCCESS_RATE, ">=", 0.9)).verdict is Verdict.PASSED


def test_a_promise_needs_as_many_executions_as_the_workflow_says() -> None:
    decision = decide(GOOD, GOOD, RULES, promise(Metric.SUCCESS_RATE, ">=", 0.9, minimum_events=20))
    assert decision.verdict is Verdict.NOT_ENOUGH_TRIALS
    assert "20 are needed" in decision.unproven[0].text


def test_a_promise_that_nothing_measures_is_noted() -> None:
    rated = decide(GOOD, GOOD, RULES, promise(Metric.CSAT, ">=", 4))
    assert (rated.verdict, rated.notes) == (
        Verdict.PASSED,
        ("promise csat >= 4 was not judged: no customer gave a rating",),
    )
    nothing = evaluation({"a": [Trial(key="k")]})
    notes = decide(nothing, nothing, RULES, promise(Metric.LATENCY_P95, "<=", 1)).notes
    assert notes == ("promise p95_latency_ms <= 1 was not judged: no execution ended",)


def test_cases_that_cannot_be_compared_are_noted() -> None:
    now = evaluation({"a": [trial()] * 2, "new": [trial()]}, suite_hash="other")
    assert decide(GOOD, now, RULES, NO_PROMISE).notes == (
        "7 of 8 cases of the baseline were not played",
        "1 cases are not in the baseline and were compared with nothing: new",
        "the suite asks or expects something else than when the baseline was blessed",
    )


@pytest.mark.parametrize("tolerances", [{"pass_rate": -1}, {"pass_rate": "much"}, {"speed": 1}, {"pass_rate": True}])
def test_a_tolerance_is_a_number_or_a_share(tolerances: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="tolerances"):
        GateRules.model_validate({"tolerances": tolerances})


shares = st.lists(st.floats(0, 1), min_size=4, max_size=10)


@settings(max_examples=60, deadline=None)
@given(shares, st.integers(0, 2**32), st.integers(1, 4))
def test_an_evaluation_held_to_itself_always_passes(difficulties: list[float], seed: int, repeats: int) -> None:
    found = evaluation(flipped(difficulties, random.Random(seed), repeats))
    assert decide(found, found, RULES, NO_PROMISE).verdict is Verdict.PASSED


@settings(max_examples=40, deadline=None)
@given(shares, st.integers(0, 2**32), st.integers(1, 4))
def test_a_failure_more_is_never_less_worrying(difficulties: list[float], seed: int, repeats: int) -> None:
    before = evaluation(flipped(difficulties, random.Random(seed), repeats))
    one_more = {case.id: list(case.trials) for case in before.cases}
    one_more["0"] = [trial(fails="tools")] * repeats
    decision = decide(before, evaluation(one_more), RULES, NO_PROMISE)
    is_worse = any(one.passed for one in before.cases[0].trials)
    assert (decision.verdict is Verdict.PASSED) is not is_worse


def test_without_a_difference_few_evaluations_are_stopped() -> None:
    """400 pairs of evaluations of one workflow whose cases pass by chance: at most one in twenty is called worse."""
    draw = random.Random(20261128)
    stopped = 0
    for _ in range(400):
        difficulties = [draw.random() for _ in range(10)]
        before, now = (flipped(difficulties, draw, 4) for _ in range(2))
        pairs = [(before[name], now[name]) for name in before]
        if (pass_rate(list(now.values())) or 0) < (pass_rate(list(before.values())) or 0):
            stopped += chance_of(pairs, pass_rate, sign=-1, shuffles=99) <= 0.05
    assert stopped <= 20 + 2.6 * 4.4, f"{stopped} of 400"


def flipped(difficulties: list[float], draw: random.Random, repeats: int) -> dict[str, list[Trial]]:
    """Cases that pass with these chances."""
    good, bad = trial(), trial(fails="tools")
    return {
        str(number): [good if draw.random() < chance else bad for _ in range(repeats)]
        for number, chance in enumerate(difficulties)
    }
