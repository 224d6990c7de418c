"""Is a workflow worse than its baseline or its promises, or are there too few trials to tell?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import comb

from analytics.domain.measurement import Measurement
from contracts.objectives import Metric, Slos
from hil.eval.chance import Pair, chance_of
from hil.eval.figures import (
    MEASURES,
    TRIALS_PASSED,
    Measure,
    Trials,
    events_of,
    is_better_higher,
    name_of_pass,
    pass_all,
)
from hil.eval.results import Evaluation, Trial
from hil.eval.tolerance import GateRules

CHANCE_MAX = 0.05
"""A difference that chance alone makes more often than this proves nothing."""
CASES_NAMED_MAX = 8


class Verdict(StrEnum):
    """A regression outweighs what could not be judged."""

    PASSED = "passed"
    REGRESSED = "regressed"
    NOT_ENOUGH_TRIALS = "not_enough_trials"


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric that stands in the way. `limit` is the worst value that was allowed."""

    metric: str
    now: float | None
    limit: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything that was found, not only the first."""

    regressions: tuple[Finding, ...] = ()
    unproven: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        if self.regressions:
            return Verdict.REGRESSED
        return Verdict.NOT_ENOUGH_TRIALS if self.unproven else Verdict.PASSED


@dataclass(frozen=True, slots=True)
class _Compared:
    """Two evaluations, case by case; `pairs` has the cases of both."""

    names: tuple[str, ...]
    pairs: tuple[Pair, ...]

    @property
    def before(self) -> Trials:
        return [pair[0] for pair in self.pairs]

    @property
    def now(self) -> Trials:
        return [pair[1] for pair in self.pairs]


def decide(baseline: Evaluation, now: Evaluation, rules: GateRules, slos: Slos) -> Decision:
    """Each metric of the rules against the baseline, each objective of the workflow as a bound of its own."""
    compared = _compared(baseline, now)
    regressions: list[Finding] = []
    unproven = list(_too_few(compared, rules))
    for name, measure in _measures(compared, rules).items():
        finding, is_proven = _against_baseline(name, measure, compared, rules)
        if finding is not None:
            (regressions if is_proven else unproven).append(finding)
    if all(finding.metric != TRIALS_PASSED for finding in regressions):  # It names its cases itself.
        regressions += _lost_cases(compared)
    for finding, is_proven in _against_promises([case.trials for case in now.cases], slos):
        (regressions if is_proven else unproven).append(finding)
    return Decision(tuple(regressions), tuple(unproven), tuple(_notes(baseline, now, slos)))


def _compared(baseline: Evaluation, now: Evaluation) -> _Compared:
    before = {case.id: case.trials for case in baseline.cases}
    both = [case for case in now.cases if case.id in before]
    return _Compared(tuple(case.id for case in both), tuple((before[case.id], case.trials) for case in both))


def _measures(compared: _Compared, rules: GateRules) -> Mapping[str, Measure]:
    """Those of the rules, and pass^k for the largest k that both have trials for."""
    k = min((min(len(before), len(now)) for before, now in compared.pairs), default=0)
    every = {**MEASURES, name_of_pass(k): pass_all(k)} if k > 1 else MEASURES
    return {name: measure for name, measure in every.items() if rules.tolerance_of(name) is not None}


def _too_few(compared: _Compared, rules: GateRules) -> Iterator[Finding]:
    trials = sum(len(now) for _, now in compared.pairs)
    if trials < rules.trials_min:
        text = f"{trials} trials of cases that the baseline has, {rules.trials_min} are needed (gate.trials_min)"
        yield Finding("trials", trials, rules.trials_min, text)


def _against_baseline(
    name: str, measure: Measure, compared: _Compared, rules: GateRules
) -> tuple[Finding | None, bool]:
    """A finding if the metric is worse than allowed, and whether that is more than chance."""
    before, now, tolerance = measure(compared.before), measure(compared.now), rules.tolerance_of(name)
    if before is None or tolerance is None:
        return None, False
    if now is None:
        return Finding(name, None, None, f"{name} was {before:.4g} in the baseline and is not measured now"), False
    sign = -1 if is_better_higher(name) else 1
    limit = before + sign * tolerance.allowed(before)
    if sign * (now - limit) <= 1e-9:
        return None, False
    chance = chance_of(compared.pairs, measure, sign=sign)
    is_proven = chance <= CHANCE_MAX
    reason = _why(compared) if is_proven else f"chance alone does that in {chance:.0%} of cases: more trials are needed"
    text = f"{name} was {before:.4g}, is {now:.4g}, allowed {limit:.4g}; {reason}"
    return Finding(name, now, limit, text), is_proven


def _lost_cases(compared: _Compared) -> Iterator[Finding]:
    """Cases that passed every time and fail every time now, where that is more than chance: the mean over many cases
    hides one that is lost for good, and so would its tolerance."""
    lost = [
        name
        for name, (before, now) in zip(compared.names, compared.pairs, strict=True)
        if all(trial.passed for trial in before)
        and not any(trial.passed for trial in now)
        and 1 / comb(len(before) + len(now), len(now)) <= CHANCE_MAX
    ]
    if lost:
        text = f"{len(lost)} cases passed every time and fail every time ({_named(lost)}); {_outcomes(compared.now)}"
        yield Finding("cases", len(lost), 0, text)


def _against_promises(cases: Trials, slos: Slos) -> Iterator[tuple[Finding, bool]]:
    for objective in slos.objectives:
        bound = objective.bound
        measured = Measurement(MEASURES[bound.metric](cases), events_of(bound.metric, cases))
        holds = measured.holds(bound, minimum_events=slos.minimum_events)
        if measured.value is None or holds:
            continue  # What was not measured at all is noted.
        at = f"is {measured.value:.4g} over {measured.events}"
        if holds is None:
            text = f"promise {bound}: {at}, {slos.minimum_events} are needed (slos.minimum_events)"
            yield Finding(bound.metric, measured.value, bound.threshold, text), False
        else:
            text = f"promise {bound} is broken: {at}; {_outcomes(cases)}"
            yield Finding(bound.metric, measured.value, bound.threshold, text), True


def _why(compared: _Compared) -> str:
    """Which cases got worse, and of what sort their failures are."""
    worse = [
        name
        for name, (before, now) in zip(compared.names, compared.pairs, strict=True)
        if _share_passed(now) < _share_passed(before)
    ]
    all_of_them = len(compared.names)
    cases = (
        f"{len(worse)} of {all_of_them} cases fail more often ({_named(worse)})"
        if worse
        else "no case fails more often"
    )
    return f"{cases}; {_outcomes(compared.now)}"


def _named(cases: Sequence[str]) -> str:
    return ", ".join(cases[:CASES_NAMED_MAX]) + (" …" if len(cases) > CASES_NAMED_MAX else "")


def _share_passed(trials: Sequence[Trial]) -> float:
    return sum(trial.passed for trial in trials) / max(1, len(trials))


def _outcomes(cases: Trials) -> str:
    trials = [trial for each in cases for trial in each]
    kinds = Counter(failure.kind for trial in trials for failure in trial.failures)
    reasons = Counter(
        execution.reason or "none" for trial in trials for execution in trial.executions if execution.sink == "HANDOVER"
    )
    failed = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    handed = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(5))
    return f"failures: {failed or 'none'}; handovers: {handed or 'none'}"


def _notes(baseline: Evaluation, now: Evaluation, slos: Slos) -> Iterator[str]:
    """What limits the comparison, without deciding it."""
    before, played = {case.id for case in baseline.cases}, {case.id for case in now.cases}
    if left_out := before - played:
        yield f"{len(left_out)} of {len(before)} cases of the baseline were not played"
    if new := played - before:
        yield f"{len(new)} cases are not in the baseline and were compared with nothing: {', '.join(sorted(new)[:5])}"
    if baseline.suite_hash != now.suite_hash:
        yield "the suite asks or expects something else than when the baseline was blessed"
    cases = [case.trials for case in now.cases]
    for objective in slos.objectives:
        if MEASURES[objective.bound.metric](cases) is None:
            yield f"promise {objective.bound} was not judged: no {_subject(objective.bound.metric)}"


def _subject(metric: Metric) -> str:
    return "customer gave a rating" if metric is Metric.CSAT else "execution ended"
