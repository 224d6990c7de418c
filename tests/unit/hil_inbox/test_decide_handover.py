"""Claims, releases and endings: who may, and what is said to who may not."""

import pytest

from contracts.handovers import (
    ClaimHandover,
    HandoverClaimed,
    HandoverFact,
    HandoverRefused,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    ReleaseHandover,
    ResolveHandover,
    ReturnHandover,
)
from hil_inbox.domain.decide_handover import SpeakerCommand, decide_handover, refuse_reply
from hil_inbox.domain.ownership import Ownership

WAITING = Ownership("acme", "c1", is_known=True, handover_id="h1")
OWNED = Ownership("acme", "c1", is_known=True, handover_id="h1", owner_id="ana", epoch=1)
AI = Ownership("acme", "c1", is_known=True)


def claim(actor: str = "ana", epoch: int = 0, handover_id: str = "") -> ClaimHandover:
    return ClaimHandover(command_id="k", actor_id=actor, ownership_epoch=epoch, handover_id=handover_id)


def test_a_claim_of_what_waits_gives_the_next_epoch_to_the_claimant() -> None:
    fact = decide_handover(WAITING, claim(), now_ms=7)
    assert fact == HandoverClaimed(handover_id="h1", ownership_epoch=1, actor_id="ana", at_ms=7, agent_id="ana")


def test_a_take_over_from_the_ai_gets_a_handover_id_of_its_key_and_epoch() -> None:
    first, again = (decide_handover(AI, claim(name), now_ms=7) for name in ("ana", "bo"))
    assert isinstance(first, HandoverClaimed) and isinstance(again, HandoverClaimed)
    assert first.handover_id == again.handover_id != ""


@pytest.mark.parametrize(
    ("state", "command", "reason", "owner"),
    [
        (Ownership("acme", "c1"), claim(), "unknown_conversation", None),
        (OWNED, claim("bo", 1), "already_claimed", "ana"),
        (OWNED, claim("bo", 0), "already_claimed", "ana"),
        (OWNED, claim("ana", 1), "already_claimed", "ana"),
        (WAITING, claim(epoch=3), "stale_epoch", None),
        (WAITING, claim(handover_id="h0"), "no_open_handover", None),
        (AI, claim(handover_id="h0"), "no_open_handover", None),
        (AI, ReleaseHandover(command_id="k", actor_id="ana", ownership_epoch=0), "no_open_handover", None),
        (
            OWNED,
            ResolveHandover(command_id="k", actor_id="ana", ownership_epoch=1, handover_id="h0"),
            "no_open_handover",
            "ana",
        ),
        (OWNED, ResolveHandover(command_id="k", actor_id="bo", ownership_epoch=1), "not_owner", "ana"),
        (WAITING, ReturnHandover(command_id="k", actor_id="bo", ownership_epoch=0), "not_owner", None),
        (OWNED, ReturnHandover(command_id="k", actor_id="ana", ownership_epoch=0), "stale_epoch", "ana"),
    ],
)
def test_what_may_not_be_is_refused_with_the_reason_and_who_was_first(
    state: Ownership, command: SpeakerCommand, reason: str, owner: str | None
) -> None:
    refusal = decide_handover(state, command, now_ms=7)
    assert isinstance(refusal, HandoverRefused)
    assert (refusal.reason, refusal.owner_id, refusal.ownership_epoch) == (reason, owner, state.epoch)
    assert refusal.detail


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (ReleaseHandover(command_id="k", actor_id="ana", ownership_epoch=1), HandoverReleased),
        (ResolveHandover(command_id="k", actor_id="ana", ownership_epoch=1, resolution="paid"), HandoverResolved),
        (ReturnHandover(command_id="k", actor_id="ana", ownership_epoch=1, facts={"a": 1}), HandoverReturned),
    ],
)
def test_the_owner_gives_up_with_the_next_epoch(command: SpeakerCommand, kind: type[HandoverFact]) -> None:
    fact = decide_handover(OWNED, command, now_ms=7)
    assert isinstance(fact, kind)
    assert (fact.handover_id, fact.ownership_epoch, fact.at_ms) == ("h1", 2, 7)


def test_what_the_person_found_travels_with_the_return() -> None:
    command = ReturnHandover(command_id="k", actor_id="ana", ownership_epoch=1, outcome="paid", facts={"a": 1})
    fact = decide_handover(OWNED, command, now_ms=7)
    assert isinstance(fact, HandoverReturned)
    assert (fact.outcome, fact.facts) == ("paid", {"a": 1})


def test_only_the_owner_replies_and_only_in_the_epoch_in_force() -> None:
    assert refuse_reply(OWNED, "ana", ownership_epoch=1, message_id="m") is None
    other = refuse_reply(OWNED, "bo", ownership_epoch=1, message_id="m")
    stale = refuse_reply(OWNED, "ana", ownership_epoch=0, message_id="m")
    nobody = refuse_reply(WAITING, "ana", ownership_epoch=0, message_id="m")
    assert other is not None and other.reason == "not_owner"
    assert stale is not None and stale.reason == "stale_epoch"
    assert nobody is not None and "nobody" in nobody.detail
