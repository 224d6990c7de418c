"""Is the verdict pass, fail or hold for the right reason?"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from analytics.domain.cells import DAY_MS, HOUR_MS, MINUTE_MS, Cell, Subject
from analytics.domain.experiment_history import POINTS_MAX, history, span_of
from analytics.domain.experiment_units import Unit, share_of
from analytics.domain.histogram import bucket_of
from analytics.domain.judge_experiment import ALPHA, Report, errors_of, judge, summaries_of
from analytics.domain.rollup import Rollup
from analytics.domain.share import Share, together
from contracts.experiments import Experiment

CONTROL, TREATMENT, THIRD = "1.0.0", "2.0.0", "3.0.0"


def experiment(*versions: str, **fields: Any) -> Experiment:
    versions = versions or (CONTROL, TREATMENT)
    arms = [{"version": one, "content_hash": f"hash{one}", "percent": 100 // len(versions)} for one in versions]
    known = {"name": "one", "workflow": "support", "arms": arms, "conversations_min": 100, "started_ms": 1_000}
    return Experiment.model_validate({**known, **fields})


MINUTES = 20
"""Conversations are exposed in so many minutes, as many in each."""


def units(version: str, count: int, **shares: Any) -> list[Rollup]:
    """Sums over conversations of one execution each; `good` and `handed` of them in a hundred succeed and are handed
    over."""
    members: list[list[Share]] = [[] for _ in range(MINUTES)]
    for n in range(count):
        unit = Unit(
            version,
            exposed_ms=0,
            executions=1,
            successes=int(n % 100 < shares.get("good", 90)),
            handovers=int(n % 100 < shares.get("handed", 10)),
            cost_microdollars=shares.get("cost", 50_000) + n % 7 * 1_000,
            latency_ms=shares.get("latency", 4_000) + n % 11 * 100,
            slowest=bucket_of(shares.get("latency", 4_000) + n % 11 * 100),
        )
        rating = shares.get("rating")
        rated = {} if rating is None else {"csat.count": 1, "csat.total": rating, "csat.squares": rating * rating}
        members[n * MINUTES // count] += [share_of(unit), Share(rated)]
    return [rollup_of(version, minute, together(some)) for minute, some in enumerate(members)]


def rollup_of(version: str, minute: int, share: Share) -> Rollup:
    cell = Cell(Subject("acme", "arms", version=version, experiment="one"), "minute", minute * MINUTE_MS)
    return Rollup(cell, share.counts, share.histograms)


def judged(one: Experiment, *members: Sequence[Rollup]) -> Report:
    return judge(one, summaries_of(one, [rollup for group in members for rollup in group]))


def codes(report: Report) -> list[str]:
    return [reason.code for reason in report.reasons]


def test_a_better_success_rate_passes() -> None:
    report = judged(experiment(), units(CONTROL, 1_000, good=80), units(TREATMENT, 1_000, good=92))

    assert (report.verdict, codes(report)) == ("pass", ["metric_better"])
    [found] = report.comparisons[0].metrics
    assert found.difference == pytest.approx(0.12) and found.relative == pytest.approx(0.15)
    assert found.low is not None and found.high is not None and 0 < found.low < 0.12 < found.high
    assert [arm.means["success_rate"] for arm in report.arms] == [0.80, 0.92]


def test_a_worse_success_rate_fails_and_so_does_the_guardrail_on_errors() -> None:
    report = judged(experiment(), units(CONTROL, 1_000, good=92), units(TREATMENT, 1_000, good=80))

    assert (report.verdict, codes(report)) == ("fail", ["guardrail_breached", "metric_worse"])


def test_without_a_difference_it_holds() -> None:
    report = judged(experiment(), units(CONTROL, 1_000), units(TREATMENT, 1_000))

    assert (report.verdict, codes(report)) == ("inconclusive", ["no_difference"])


@pytest.mark.parametrize(
    ("harm", "metric"),
    [
        ({"cost": 90_000}, "cost_usd"),
        ({"latency": 9_000}, "p95_latency_ms"),
        ({"handed": 40}, "handover_rate"),
        ({"good": 70}, "error_rate"),
    ],
)
def test_each_guardrail_alone_fails_a_metric_that_got_better(harm: Mapping[str, int], metric: str) -> None:
    better = {"metrics": ["csat"]}
    report = judged(
        experiment(**better), units(CONTROL, 1_000, rating=3), units(TREATMENT, 1_000, **{"rating": 5, **harm})
    )

    assert (report.verdict, codes(report)) == ("fail", ["guardrail_breached"])
    assert [one.metric for one in report.comparisons[0].guardrails if one.is_breached] == [metric]
    assert metric in report.reasons[0].text and TREATMENT in report.reasons[0].text


@pytest.mark.parametrize(("tolerance", "verdict"), [(0.2, "fail"), (0.5, "inconclusive")])
def test_a_guardrail_lets_harm_within_its_tolerance_pass(tolerance: float, verdict: str) -> None:
    rule = {"guardrails": [{"metric": "cost_usd", "tolerance": tolerance}]}
    report = judged(experiment(**rule), units(CONTROL, 1_000), units(TREATMENT, 1_000, cost=70_000))

    assert report.verdict == verdict


def test_a_guardrail_on_what_should_be_high_is_breached_when_it_falls() -> None:
    rule = {"metrics": ["cost_usd"], "guardrails": [{"metric": "success_rate", "tolerance": 0.05}]}
    control = units(CONTROL, 2_000, good=90)

    assert judged(experiment(**rule), control, units(TREATMENT, 2_000, good=75)).verdict == "fail"
    assert judged(experiment(**rule), control, units(TREATMENT, 2_000, good=87)).verdict == "inconclusive"


def test_few_conversations_have_no_verdict_however_clear_it_looks() -> None:
    report = judged(experiment(), units(CONTROL, 99, good=1), units(TREATMENT, 99, good=100))

    assert (report.verdict, codes(report)) == ("inconclusive", ["too_few_conversations"] * 2)
    assert report.reasons[0].text == "1.0.0 has 99 of at least 100 conversations"


def test_conversations_of_which_no_execution_ended_count_for_the_split_and_not_for_a_verdict() -> None:
    waiting = [rollup_of(TREATMENT, 0, Share({"conversations": 150}))]
    report = judged(experiment(), units(CONTROL, 150, good=1), waiting)

    assert codes(report) == ["too_few_conversations"]
    assert (report.arms[1].conversations, report.arms[1].ended) == (150, 0)
    assert report.comparisons[0].metrics[0].low is None


def test_a_wrong_split_comes_first_and_leaves_no_verdict() -> None:
    report = judged(experiment(), units(CONTROL, 1_000, good=50), units(TREATMENT, 1_400, good=95))

    assert (report.verdict, codes(report)) == ("inconclusive", ["sample_ratio_mismatch"])
    assert "1.0.0: 1000 for 50.0%, 2.0.0: 1400 for 50.0%" in report.reasons[0].text


def test_a_conversation_of_another_version_is_nobodys() -> None:
    report = judged(experiment(), units(CONTROL, 100), units("0.9.0", 500), units(TREATMENT, 100))

    assert [arm.conversations for arm in report.arms] == [100, 100]


def test_of_several_arms_one_that_passes_is_enough_and_all_must_fail() -> None:
    three = experiment(CONTROL, TREATMENT, THIRD)
    control, worse = units(CONTROL, 1_000, good=80), units(TREATMENT, 1_000, good=60)

    passed = judged(three, control, worse, units(THIRD, 1_000, good=95))
    assert (passed.verdict, [one.verdict for one in passed.comparisons]) == ("pass", ["fail", "pass"])
    assert judged(three, control, worse, units(THIRD, 1_000, good=60)).verdict == "fail"
    assert judged(three, control, worse, units(THIRD, 1_000, good=80)).verdict == "inconclusive"


@pytest.mark.parametrize(("versions", "metrics", "guardrails"), [(2, 1, 4), (3, 2, 1), (4, 3, 0)])
def test_all_that_is_looked_at_shares_one_error(versions: int, metrics: int, guardrails: int) -> None:
    names = ["success_rate", "cost_usd", "csat", "latency_ms"]
    one = experiment(
        *(f"{n}.0.0" for n in range(versions)),
        metrics=names[:metrics],
        guardrails=[{"metric": name} for name in names[:guardrails]],
    )
    errors = errors_of(one)

    assert (metrics * errors.metric + guardrails * errors.guardrail) * (versions - 1) == pytest.approx(ALPHA)


def test_a_control_of_nothing_has_no_relative_difference() -> None:
    rule = {"metrics": ["handover_rate"], "guardrails": []}
    report = judged(experiment(**rule), units(CONTROL, 300, handed=0), units(TREATMENT, 300, handed=50))

    found = report.comparisons[0].metrics[0]
    assert (found.relative, found.finding, report.verdict) == (None, "worse", "fail")


def test_few_ratings_are_too_few_to_tell_though_conversations_are_many() -> None:
    rule = {"metrics": ["csat"], "guardrails": [{"metric": "csat"}]}
    some = [
        *units(CONTROL, 200),
        *units(CONTROL, 99, rating=5),
        *units(TREATMENT, 200),
        *units(TREATMENT, 99, rating=1),
    ]
    found = judged(experiment(**rule), some).comparisons[0]

    assert (found.metrics[0].low, found.guardrails[0].harm_low) == (None, None)
    assert (found.metrics[0].control, found.metrics[0].treatment) == (5, 1)


def test_the_slowest_of_few_conversations_cannot_be_bounded() -> None:
    rule = {"guardrails": [{"metric": "p95_latency_ms"}]}
    few = judged(experiment(**rule), units(CONTROL, 40), units(TREATMENT, 40, latency=9_000)).comparisons[0]
    more = judged(experiment(**rule), units(CONTROL, 120), units(TREATMENT, 120, latency=9_000)).comparisons[0]

    assert (few.guardrails[0].harm_low, few.guardrails[0].control) == (None, pytest.approx(5_000, rel=0.02))
    assert (more.guardrails[0].harm_low, more.guardrails[0].treatment) == (None, pytest.approx(10_000, rel=0.02))
    none = judged(experiment(**rule)).comparisons[0].guardrails[0]
    assert (none.control, none.treatment) == (None, None)


def test_the_history_ends_with_what_the_report_says_and_narrows_down() -> None:
    one = experiment(started_ms=1)
    everybody = [*units(CONTROL, 2_000), *units(TREATMENT, 2_000, good=95)]
    until_ms = (MINUTES - 1) * MINUTE_MS + 5
    points = history(one, everybody[::-1], summaries_of(one, everybody), until_ms=until_ms)

    assert [point.at_ms for point in points] == [*(n * MINUTE_MS for n in range(1, MINUTES)), until_ms]
    assert [point.conversations for point in points] == [200 * n for n in range(1, MINUTES + 1)]
    assert points[-1].metrics == judged(one, everybody).comparisons[0].metrics
    widths = [(m.high or 0) - (m.low or 0) for point in points for m in point.metrics if m.low is not None]
    assert widths[0] > 2 * widths[-1]


@pytest.mark.parametrize(
    ("lasted_ms", "span"),
    [(1, "minute"), (2 * HOUR_MS, "minute"), (3 * HOUR_MS, "hour"), (5 * DAY_MS, "hour"), (400 * DAY_MS, "day")],
)
def test_a_history_has_few_points_whatever_an_experiment_lasts(lasted_ms: int, span: str) -> None:
    one = experiment(started_ms=7)
    points = history(one, [], summaries_of(one, []), until_ms=7 + lasted_ms)

    assert span_of(one, until_ms=7 + lasted_ms) == span
    assert 1 <= len(points) <= POINTS_MAX and points[-1].at_ms == 7 + lasted_ms
