"""Passing on, putting aside, assigning and re-homing."""

import pytest
from tests.support.handovers import opened

from contracts.envelope import LogEntry, Message
from contracts.handover_clocks import (
    HandoverSnoozed,
    HandoverWoken,
    OverrideHandover,
    SnoozeHandover,
    TransferHandover,
    WakeHandover,
)
from contracts.handovers import HandoverClaimed, HandoverRefused, HandoverReleased
from hil_inbox.domain.decide_command import Command, decide_command
from hil_inbox.domain.decide_move import SNOOZE_MS_MAX
from hil_inbox.domain.house_commands import AssignHandover, RehomeHandover, rehome_id
from hil_inbox.domain.ownership import InboxFact, Ownership, fold_all

CLAIMED = HandoverClaimed(handover_id="h1", ownership_epoch=1, actor_id="ana", agent_id="ana")
ASLEEP = HandoverSnoozed(handover_id="h1", actor_id="ana", until_ms=9_000)
NOW_MS = 5_000


def after(*messages: Message) -> Ownership:
    entries = [LogEntry(n + 1, 1_000 + n, f"id{n}", message, 10) for n, message in enumerate(messages)]
    return fold_all(Ownership("acme", "c1"), entries)


OPEN, OWNED, SNOOZED = after(opened("h1")), after(opened("h1"), CLAIMED), after(opened("h1"), CLAIMED, ASLEEP)


def decided(state: Ownership, command: Command) -> InboxFact:
    return decide_command(state, command, now_ms=NOW_MS)


def reason(state: Ownership, command: Command) -> str:
    answer = decided(state, command)
    assert isinstance(answer, HandoverRefused)
    return answer.reason


def transfer(actor_id: str = "ana", epoch: int = 1, **to: str) -> TransferHandover:
    return TransferHandover.model_validate(
        {"command_id": "k1", "actor_id": actor_id, "ownership_epoch": epoch, "note": "please", **to}
    )


def override(epoch: int = 1, to: str | None = None, handover_id: str = "h1") -> OverrideHandover:
    return OverrideHandover(
        command_id="k1", handover_id=handover_id, actor_id="sue", ownership_epoch=epoch, to_agent_id=to, reason="ill"
    )


def snooze(until_ms: int, actor_id: str = "ana") -> SnoozeHandover:
    return SnoozeHandover(command_id="k1", actor_id=actor_id, ownership_epoch=1, until_ms=until_ms)


WAKE = WakeHandover(command_id="k1", actor_id="ana", ownership_epoch=1)


def test_to_an_agent_it_is_theirs_at_once() -> None:
    fact = decided(OWNED, transfer(to_agent_id="bo"))
    assert isinstance(fact, HandoverClaimed)
    assert (fact.agent_id, fact.ownership_epoch, fact.reason) == ("bo", 2, "transferred")
    assert (fact.actor_id, fact.previous_owner_id, fact.note) == ("ana", "ana", "please")


@pytest.mark.parametrize("to", [{"to_queue": "money"}, {"to_team": "tier2"}])
def test_to_a_queue_or_a_team_it_waits_there(to: dict[str, str]) -> None:
    fact = decided(OWNED, transfer(**to))
    assert isinstance(fact, HandoverReleased)
    assert (fact.queue, fact.team) == (to.get("to_queue"), to.get("to_team"))
    assert (fact.ownership_epoch, fact.reason, fact.previous_owner_id) == (2, "transferred", "ana")


def test_a_transfer_names_one_place_and_comes_from_the_owner() -> None:
    assert reason(OWNED, transfer()) == "invalid_transfer"
    assert reason(OWNED, transfer(to_agent_id="bo", to_queue="money")) == "invalid_transfer"
    assert reason(OWNED, transfer("bo", to_agent_id="bo")) == "not_owner"
    assert reason(OWNED, transfer(epoch=0, to_agent_id="bo")) == "stale_epoch"
    assert reason(after(), transfer(to_agent_id="bo")) == "no_open_handover"


def test_a_supervisor_takes_it_from_whoever_owns_it() -> None:
    fact = decided(OWNED, override(to="sue"))
    assert isinstance(fact, HandoverClaimed)
    assert (fact.agent_id, fact.reason, fact.previous_owner_id, fact.note) == ("sue", "overridden", "ana", "ill")
    back = decided(OWNED, override())
    assert isinstance(back, HandoverReleased)
    assert (back.reason, back.previous_owner_id, back.note) == ("rehomed", "ana", "ill")
    waits = decided(OPEN, override(epoch=0, to="bo"))
    assert isinstance(waits, HandoverClaimed)
    assert reason(OPEN, override(epoch=0)) == "not_owner"
    assert reason(OWNED, override(epoch=0)) == "stale_epoch"
    assert reason(OWNED, override(handover_id="h9")) == "no_open_handover"


def test_it_is_put_aside_for_a_time_ahead_and_within_bounds() -> None:
    fact = decided(OWNED, snooze(NOW_MS + 1))
    assert fact == HandoverSnoozed(handover_id="h1", actor_id="ana", until_ms=NOW_MS + 1, at_ms=NOW_MS)
    assert isinstance(decided(OWNED, snooze(NOW_MS + SNOOZE_MS_MAX)), HandoverSnoozed)
    assert reason(OWNED, snooze(NOW_MS)) == "invalid_time"
    assert reason(OWNED, snooze(NOW_MS + SNOOZE_MS_MAX + 1)) == "invalid_time"
    assert reason(OWNED, snooze(NOW_MS + 1, "bo")) == "not_owner"


def test_only_what_sleeps_is_woken() -> None:
    assert decided(SNOOZED, WAKE) == HandoverWoken(handover_id="h1", actor_id="ana", at_ms=NOW_MS)
    assert reason(OWNED, WAKE) == "not_snoozed"


def test_the_house_assigns_what_nobody_owns_in_the_epoch_that_it_saw() -> None:
    fact = decided(OPEN, AssignHandover("k1", "h1", 0, "bo"))
    assert isinstance(fact, HandoverClaimed)
    assert (fact.agent_id, fact.actor_id, fact.reason, fact.previous_owner_id) == ("bo", "hil-inbox", "assigned", None)
    assert reason(OWNED, AssignHandover("k1", "h1", 1, "bo")) == "already_claimed"
    assert reason(OWNED, AssignHandover("k1", "h1", 0, "bo")) == "stale_epoch"


@pytest.mark.parametrize("why", ["agent_offline", "rehomed"])
def test_the_house_takes_back_what_is_still_owned_in_the_epoch_that_it_saw(why: str) -> None:
    command = RehomeHandover(rehome_id("h1", 1), "h1", 1, "agent_offline" if why == "agent_offline" else "rehomed")
    fact = decided(OWNED, command)
    assert isinstance(fact, HandoverReleased)
    assert (fact.reason, fact.actor_id, fact.previous_owner_id, fact.queue) == (why, "hil-inbox", "ana", None)
    assert reason(OPEN, RehomeHandover("k1", "h1", 0, "rehomed")) == "not_owner"
    assert reason(after(), RehomeHandover("k1", "h1", 0, "rehomed")) == "no_open_handover"
