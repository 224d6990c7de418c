"""Alerts fire and are resolved at the minutes that were worked out by hand: none early, none missing, none besides."""

import pytest
from tests.support.slo_playing import contributions_of, counted, play
from tests.support.slo_scenarios import BURST, GOOD, HOUR, NOTHING, SCENARIOS, Scenario, burst, hours, promise

from analytics.domain.alert_rules import alert_rules
from analytics.domain.cells import MINUTE_MS
from analytics.domain.judge_alerts import Phase


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_alerts_fire_when_they_must_and_never_besides(scenario: Scenario) -> None:
    rollups = counted([], contributions_of(scenario.minutes))
    found = {
        (alert.slo, alert.severity): play(alert, rollups, minutes=len(scenario.minutes)).firing()
        for alert in alert_rules("support", scenario.slos)
    }
    assert {name: firing for name, firing in found.items() if firing} == scenario.firing


def test_every_change_is_announced_once_and_firing_and_its_end_are_routed() -> None:
    [critical, _] = alert_rules("support", promise(0.99))
    played = play(critical, counted([], contributions_of(BURST)), minutes=len(BURST))
    assert [(t.before, t.after, t.at_ms // MINUTE_MS, t.routed) for t in played.transitions] == [
        (Phase.NO_DATA, Phase.OK, 1, False),
        (Phase.OK, Phase.PENDING, 369, False),
        (Phase.PENDING, Phase.FIRING, 371, True),
        (Phase.FIRING, Phase.RESOLVED, 449, True),
    ]


def test_silence_is_no_data_after_half_an_hour_until_something_comes() -> None:
    minutes = (*hours(1), *(NOTHING,) * 120, *hours(1))
    for alert in alert_rules("support", promise(0.99)):
        played = play(alert, counted([], contributions_of(minutes)), minutes=len(minutes))
        assert (played.at(Phase.NO_DATA), played.at(Phase.OK)) == ([HOUR + 31], [1, 3 * HOUR + 1])


def test_old_events_that_come_again_change_nothing_that_was_announced() -> None:
    contributions, minutes = contributions_of(BURST), len(BURST)
    rollups = counted([], contributions)
    replayed = counted(rollups, [*contributions[::-1], *contributions])
    assert replayed == rollups
    for alert in alert_rules("support", burst().slos):
        once = play(alert, rollups, minutes=minutes)
        announced, state = list(once.transitions), once.state
        again = play(alert, replayed, minutes=minutes, played=once)
        assert (again.transitions, again.state) == (announced, state)


def test_events_that_are_counted_late_count_in_what_is_judged_after_that_and_take_nothing_back() -> None:
    """Minutes 360 to 389 are counted when 400 minutes have been judged without. At T = 401 5 min are good again, and
    6 h hold 300 of 3,600 = 8.3 % and 30 min nineteen bad minutes: met, and over when it would have been over anyway."""
    known = tuple(GOOD if 360 <= minute < 390 else events for minute, events in enumerate(BURST))
    [critical, _] = alert_rules("support", burst().slos)
    before = play(critical, counted([], contributions_of(known[:400])), minutes=400)
    assert before.firing() == ()
    after = play(critical, counted([], contributions_of(BURST)), minutes=len(BURST), played=before)
    assert after.firing() == ((403, 449),)
