"""What is kept and announced of an alert, through firing, its end, a new rule and a promise that is withdrawn."""

from dataclasses import replace

from tests.support.slo_scenarios import promise

from analytics.domain.alert_rules import BoundAlert, Verdict, alert_rules
from analytics.domain.cells import MINUTE_MS
from analytics.domain.judge_alerts import Phase
from analytics.domain.silences import Routing
from analytics.domain.watched_alert import WatchedAlert, after_minute, following, watched, withdrawn
from contracts.alerts import AlertChanged
from contracts.objectives import Bound, Metric

MET, NOT_MET = Verdict.MET, Verdict.NOT_MET
BOUND = Bound(metric=Metric.SUCCESS_RATE, comparison="<", threshold=0.9)
ALERT = watched("acme", BoundAlert("support", str(BOUND), "critical", BOUND, 3_600, 20))


def judged(
    verdicts: list[Verdict], alert: WatchedAlert = ALERT, routing: Routing = Routing.ROUTED
) -> tuple[WatchedAlert, list[AlertChanged]]:
    changes = []
    for minute, verdict in enumerate(verdicts, start=alert.state.judged_ms // MINUTE_MS + 1):
        alert, change = after_minute(alert, verdict, ends_ms=minute * MINUTE_MS, routing=routing)
        changes += [change] if change else []
    return alert, changes


def test_an_alert_is_named_by_tenant_workflow_severity_and_promise() -> None:
    assert (ALERT.id, ALERT.kind) == ("acme/support/critical/success_rate < 0.9", "bound")
    assert {watched("acme", rule).kind for rule in alert_rules("support", promise(0.99))} == {"burn"}


def test_a_firing_alert_and_its_end_say_since_when_it_fired_and_when_the_receiver_was_told() -> None:
    firing, changes = judged([MET] * 3)
    assert [(one.before, one.after, one.routed) for one in changes] == [
        ("no_data", "pending", False),
        ("pending", "firing", True),
    ]
    assert (firing.firing_since_ms, firing.told_ms, firing.first_judged_ms) == (180_000, 180_000, 60_000)
    over, changes = judged([NOT_MET] * 31, firing)
    assert [(one.after, one.at_ms, one.firing_since_ms) for one in changes] == [("resolved", 34 * MINUTE_MS, 180_000)]
    assert (over.state.phase, over.told_ms) == (Phase.RESOLVED, 34 * MINUTE_MS)


def test_what_is_kept_from_the_receiver_is_announced_and_not_marked_as_told() -> None:
    firing, changes = judged([MET] * 3, routing=Routing.UNROUTED)
    assert [one.routed for one in changes] == [False, False]
    assert (firing.told_ms, firing.state.told_firing) == (0, False)
    told, [change] = judged([MET], firing)
    assert (change.before, change.after, change.routed, told.told_ms) == ("firing", "firing", True, 240_000)


def test_a_known_alert_goes_on_under_a_changed_rule() -> None:
    firing, _ = judged([MET] * 3)
    changed = replace(ALERT, condition="success_rate < 0.8")
    assert following(firing, changed) == replace(firing, condition="success_rate < 0.8")


def test_a_withdrawn_promise_ends_its_alert_and_tells_who_was_told_of_it() -> None:
    firing, _ = judged([MET] * 3)
    gone, change = withdrawn(firing, ends_ms=300_000)
    assert (change.before, change.after, change.routed) == ("firing", "no_data", True)
    assert (gone.is_withdrawn, gone.state.phase, gone.told_ms) == (True, Phase.NO_DATA, 300_000)
    quiet, change = withdrawn(judged([MET] * 3, routing=Routing.UNROUTED)[0], ends_ms=300_000)
    assert (change.routed, quiet.told_ms) == (False, 0)


def test_a_promise_that_is_made_again_is_new_and_keeps_what_the_receiver_heard_last() -> None:
    gone, _ = withdrawn(judged([MET] * 3)[0], ends_ms=300_000)
    assert following(gone, ALERT) == replace(ALERT, told_ms=300_000)
