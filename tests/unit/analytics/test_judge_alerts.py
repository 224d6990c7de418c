"""An alert's state follows from judged minutes; whom it reaches follows from silences and the age of its SLO."""

from analytics.domain.alert_rules import BoundAlert, Verdict
from analytics.domain.cells import MINUTE_MS
from analytics.domain.judge_alerts import MINUTES_MAX, AlertState, Phase, Transition, judge, minutes_to_judge
from analytics.domain.silences import Routing, Silence, routing
from contracts.objectives import Bound, Metric

MET, NOT_MET, NO_DATA = Verdict.MET, Verdict.NOT_MET, Verdict.NO_DATA
BOUND = Bound(metric=Metric.SUCCESS_RATE, comparison="<", threshold=0.9)
ALERT = BoundAlert("support", str(BOUND), "critical", BOUND, 3_600, 20)


def judged(
    verdicts: list[Verdict], silences: tuple[Silence, ...] = (), unrouted_until_ms: int = 0
) -> tuple[AlertState, list[Transition]]:
    state, transitions = AlertState(), []
    for minute, verdict in enumerate(verdicts, start=1):
        now_ms = minute * MINUTE_MS
        route = routing(ALERT, silences, unrouted_until_ms=unrouted_until_ms, at_ms=now_ms)
        state, transition = judge(state, verdict, now_ms=now_ms, routing=route)
        transitions += [transition] if transition else []
    return state, transitions


def silence(starts: int, ends: int, slo: str | None = None) -> Silence:
    return Silence(starts * MINUTE_MS, ends * MINUTE_MS, "support", slo)


def routed(transitions: list[Transition]) -> list[tuple[Phase, int]]:
    return [(transition.after, transition.at_ms // MINUTE_MS) for transition in transitions if transition.routed]


def test_what_is_met_for_less_than_two_minutes_never_fires() -> None:
    state, transitions = judged([NOT_MET, MET, MET, NOT_MET, MET])
    assert [transition.after for transition in transitions] == [Phase.OK, Phase.PENDING, Phase.OK, Phase.PENDING]
    assert (state.phase, state.since_ms) == (Phase.PENDING, 5 * MINUTE_MS)


def test_without_data_a_pending_alert_is_dropped_and_a_firing_one_freezes() -> None:
    assert judged([MET, NO_DATA])[0].phase is Phase.NO_DATA
    state, transitions = judged([MET] * 3 + [NO_DATA] * 10_000)
    assert (state.phase, transitions[-1].at_ms) == (Phase.FIRING, 3 * MINUTE_MS)


def test_data_must_say_for_half_an_hour_on_end_that_it_is_over() -> None:
    almost = [MET] * 3 + [NOT_MET] * 30
    assert judged(almost)[0].phase is Phase.FIRING
    assert judged([*almost, NO_DATA, *[NOT_MET] * 30])[0].phase is Phase.FIRING
    state, transitions = judged([*almost, MET, *[NOT_MET] * 31])
    assert (state.phase, transitions[-1].at_ms) == (Phase.RESOLVED, 65 * MINUTE_MS)


def test_a_resolved_alert_stays_so_until_something_else_is_true() -> None:
    over = [MET] * 3 + [NOT_MET] * 31
    assert judged([*over, *[NOT_MET] * 100])[0].phase is Phase.RESOLVED
    assert judged([*over, MET])[0].phase is Phase.PENDING
    assert judged([*over, NO_DATA])[0].phase is Phase.NO_DATA
    assert judged([*over, NO_DATA, NOT_MET])[0].phase is Phase.OK


def test_a_minute_that_was_judged_is_not_judged_again() -> None:
    state, _ = judged([MET] * 5)
    for minute in range(1, 6):
        assert judge(state, NOT_MET, now_ms=minute * MINUTE_MS, routing=Routing.ROUTED) == (state, None)


def test_a_silenced_alert_changes_its_state_and_reaches_nobody() -> None:
    state, transitions = judged([MET] * 3 + [NOT_MET] * 31, (silence(0, 100),))
    assert [transition.after for transition in transitions] == [Phase.PENDING, Phase.FIRING, Phase.RESOLVED]
    assert (state.phase, routed(transitions)) == (Phase.RESOLVED, [])


def test_what_still_fires_when_a_silence_ends_is_told_then() -> None:
    _, transitions = judged([MET] * 20, (silence(0, 10),))
    assert routed(transitions) == [(Phase.FIRING, 10)]
    assert transitions[-1].before is Phase.FIRING


def test_an_end_within_a_silence_is_told_when_the_silence_ends() -> None:
    _, transitions = judged([MET] * 3 + [NOT_MET] * 60, (silence(10, 50),))
    assert routed(transitions) == [(Phase.FIRING, 3), (Phase.RESOLVED, 50)]


def test_a_new_slo_is_judged_and_not_routed_yet() -> None:
    _, transitions = judged([MET] * 3 + [NOT_MET] * 31 + [MET] * 30, unrouted_until_ms=60 * MINUTE_MS)
    assert transitions[1].after is Phase.FIRING
    assert routed(transitions) == [(Phase.FIRING, 60)]


def test_a_silence_covers_what_it_names() -> None:
    named = [silence(0, 9), silence(0, 9, ALERT.slo), Silence(0, 9 * MINUTE_MS, "support", ALERT.slo, "critical")]
    others = [silence(9, 10), silence(0, 1), silence(0, 9, "other"), Silence(0, 9 * MINUTE_MS, "other")]
    others.append(Silence(0, 9 * MINUTE_MS, "support", None, "warning"))
    assert [one.covers(ALERT, at_ms=MINUTE_MS) for one in named + others] == [True] * 3 + [False] * 5


def test_minutes_are_made_up_for_after_a_pause_of_at_most_three_days() -> None:
    counted_ms = 10_000 * MINUTE_MS + 59_999
    assert list(minutes_to_judge(AlertState(), counted_through_ms=counted_ms)) == [10_000 * MINUTE_MS]
    near = AlertState(judged_ms=9_998 * MINUTE_MS)
    assert list(minutes_to_judge(near, counted_through_ms=counted_ms)) == [9_999 * MINUTE_MS, 10_000 * MINUTE_MS]
    far = minutes_to_judge(AlertState(judged_ms=MINUTE_MS), counted_through_ms=counted_ms)
    assert (len(far), far[-1]) == (MINUTES_MAX, 10_000 * MINUTE_MS)
    assert not minutes_to_judge(AlertState(judged_ms=10_000 * MINUTE_MS), counted_through_ms=counted_ms)
