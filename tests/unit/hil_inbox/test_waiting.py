"""Clocks of a handover, by the log alone."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.handovers import BASED, opened

from contracts.conversations import MessageReceived, MessageSent
from contracts.envelope import LogEntry, Message
from contracts.handover_clocks import (
    HandoverBreached,
    HandoverDelivered,
    HandoverSnoozed,
    HandoverWoken,
    OpenHours,
    SlaTerms,
)
from contracts.handovers import HandoverClaimed, HandoverReleased, HandoverResolved
from hil_inbox.domain.open_hours import DAY_MS, NEVER_MS, WEEKDAYS, open_between
from hil_inbox.domain.waiting import PAUSES_MAX, Waiting, clocks_of, fold_waiting, next_due

TERMS = SlaTerms(first_response_ms=1_000, next_response_ms=500, resolution_ms=10_000)
DELIVERED = HandoverDelivered(handover_id="h1", queue="general", terms=TERMS, agents_online=1)
ASKED = MessageReceived(turn_id="t1", text="hello?")
ANSWERED = MessageSent(message_id="m1", text="yes", author="human_agent", author_id="ana", based_on=BASED)
CLAIMED = HandoverClaimed(handover_id="h1", ownership_epoch=1, actor_id="ana", agent_id="ana")
RELEASED = HandoverReleased(handover_id="h1", ownership_epoch=2, actor_id="ana")
RESOLVED = HandoverResolved(handover_id="h1", ownership_epoch=3, actor_id="ana")


def snoozed(until_ms: int) -> HandoverSnoozed:
    return HandoverSnoozed(handover_id="h1", actor_id="ana", until_ms=until_ms)


def woken() -> HandoverWoken:
    return HandoverWoken(handover_id="h1", actor_id="ana")


def waiting(*steps: tuple[int, Message]) -> Waiting:
    """After a handover that was opened at 0 and delivered at once, and these steps."""
    found: Waiting | None = None
    whole: Sequence[tuple[int, Message]] = ((0, opened("h1")), (0, DELIVERED), *steps)
    for number, (at_ms, message) in enumerate(whole):
        found = fold_waiting(found, LogEntry(number + 1, at_ms, f"id{number}", message, 10))
    assert found is not None
    return found


def clocks(*steps: tuple[int, Message]) -> dict[str, tuple[str, int | None]]:
    return {name: (shown.state, shown.due_ms) for name, shown in clocks_of(waiting(*steps)).items()}


def test_a_new_handover_has_a_clock_for_the_first_answer_and_one_for_the_end() -> None:
    assert clocks() == {"first_response": ("running", 1_000), "resolution": ("running", 10_000)}
    assert next_due(waiting()) == 1_000


def test_an_answer_in_time_meets_its_clock_and_one_that_is_late_does_not() -> None:
    assert clocks((900, ANSWERED))["first_response"] == ("met", 1_000)
    assert clocks((1_001, ANSWERED))["first_response"] == ("breached", 1_000)


def test_what_was_answered_late_is_not_due_any_more() -> None:
    breach = HandoverBreached(handover_id="h1", clock="first_response", due_ms=1_000)
    assert next_due(waiting((1_000, breach))) == 1_000
    assert clocks((1_000, breach))["first_response"] == ("breached", 1_000)
    assert next_due(waiting((1_000, breach), (1_100, ANSWERED))) == 10_000


def test_the_next_answer_is_counted_from_the_first_message_that_nobody_answered() -> None:
    assert "next_response" not in clocks((100, ASKED))
    steps = ((100, ANSWERED), (2_000, ASKED), (2_300, ASKED))
    assert clocks(*steps)["next_response"] == ("running", 2_500)
    assert "next_response" not in clocks(*steps, (2_400, ANSWERED))


def test_a_snooze_stops_the_clocks_and_its_end_lets_them_go_on() -> None:
    asleep = clocks((400, snoozed(5_000)))
    assert asleep == {"first_response": ("paused", None), "resolution": ("paused", None)}
    assert next_due(waiting((400, snoozed(5_000)))) == NEVER_MS
    assert clocks((400, snoozed(5_000)), (3_000, woken()))["first_response"] == ("running", 3_600)


def test_what_was_due_before_the_snooze_stays_due() -> None:
    assert clocks((1_500, snoozed(5_000)))["first_response"] == ("running", 1_000)
    steps = ((1_500, snoozed(5_000)), (3_000, woken()))
    assert clocks(*steps)["first_response"] == ("running", 1_000)


def test_a_pause_before_a_clock_began_does_not_move_it() -> None:
    steps = ((100, ANSWERED), (200, snoozed(900)), (300, woken()), (2_000, ASKED))
    assert clocks(*steps)["next_response"] == ("running", 2_500)


def test_a_message_of_the_customer_and_another_speaker_end_a_snooze() -> None:
    for message in (ASKED, CLAIMED, RELEASED):
        found = waiting((400, snoozed(5_000)), (600, message))
        assert (found.snoozed_ms, found.pauses) == (None, ((400, 600),))


def test_only_the_newest_pauses_are_kept() -> None:
    steps = [((n * 10, snoozed(10**6)), (n * 10 + 1, woken())) for n in range(PAUSES_MAX + 5)]
    assert len(waiting(*(step for pair in steps for step in pair)).pauses) == PAUSES_MAX


def test_after_the_end_nothing_changes() -> None:
    done = waiting((700, RESOLVED))
    assert clocks((700, RESOLVED)) == {"first_response": ("met", 1_000), "resolution": ("met", 10_000)}
    assert waiting((700, RESOLVED), (900, ASKED), (950, ANSWERED)) == done
    assert next_due(done) == NEVER_MS


def test_the_first_acknowledgement_counts_and_a_repeated_opening_changes_nothing() -> None:
    other = HandoverDelivered(handover_id="h1", queue="other", agents_online=0)
    assert waiting((10, other), (20, opened("h1"))) == waiting()
    assert waiting((10, HandoverDelivered(handover_id="h9", queue="other", agents_online=0))) == waiting()


def test_who_takes_over_from_the_ai_has_no_clocks() -> None:
    found = fold_waiting(None, LogEntry(1, 5, "id", CLAIMED, 10))
    assert found is not None
    assert clocks_of(found) == {}
    assert fold_waiting(None, LogEntry(1, 5, "id", ASKED, 10)) is None


def test_passing_it_on_changes_where_it_waits() -> None:
    to_team = RELEASED.model_copy(update={"team": "tier2"})
    to_queue = RELEASED.model_copy(update={"queue": "money"})
    assert (waiting((5, to_team)).queue, waiting((5, to_team)).team) == ("general", "tier2")
    assert (waiting((5, to_team), (6, to_queue)).queue, waiting((5, to_team), (6, to_queue)).team) == ("money", None)
    assert waiting((5, to_team), (6, RELEASED)).team == "tier2"


HOURS = tuple(OpenHours(day=day, since="09:00", until="17:00") for day in WEEKDAYS[:5])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 3 * DAY_MS), min_size=0, max_size=8, unique=True),
    st.integers(1, 4 * 3_600_000),
    st.sampled_from(["UTC", "Europe/Berlin"]),
)
def test_at_its_due_time_a_clock_has_run_exactly_as_long_as_it_may(
    moments: list[int], budget_ms: int, zone: str
) -> None:
    terms = SlaTerms(first_response_ms=budget_ms, time_zone=zone, hours=HOURS)
    delivered = HandoverDelivered(handover_id="h1", queue="q", terms=terms, agents_online=1)
    found = fold_waiting(None, LogEntry(1, 0, "o", opened("h1"), 10))
    found = fold_waiting(found, LogEntry(2, 0, "d", delivered, 10))
    pauses = list(zip(sorted(moments)[::2], sorted(moments)[1::2], strict=False))
    for number, (since, until) in enumerate(pauses):
        found = fold_waiting(found, LogEntry(3 + 2 * number, since, f"s{number}", snoozed(10**12), 10))
        found = fold_waiting(found, LogEntry(4 + 2 * number, until, f"w{number}", woken(), 10))
    assert found is not None
    due = clocks_of(found)["first_response"].due_ms
    assert due is not None
    paused = sum(open_between(terms, min(since, due), min(until, due)) for since, until in pauses)
    assert open_between(terms, 0, due) - paused == budget_ms
