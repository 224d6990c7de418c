"""Who may speak, folded from the log: epochs, answers, verdicts."""

from tests.support.handovers import BASED, asked, ended, opened

from contracts.conversations import MessageReceived, MessageSent, SendMessage
from contracts.envelope import LogEntry, Message
from contracts.handover_clocks import HandoverDue
from contracts.handovers import (
    ApprovalDecided,
    ClaimHandover,
    HandoverClaimed,
    HandoverRefused,
    HandoverReleased,
    HandoverResolved,
)
from hil_inbox.domain import ownership
from hil_inbox.domain.ownership import Ownership, answer_id, fold, fold_all


def entry(sequence: int, message: Message | None, id_: str | None = None) -> LogEntry:
    return LogEntry(sequence, 1_000 + sequence, id_ or f"id{sequence}", message, 10)


def folded(*messages: Message | None) -> Ownership:
    entries = [entry(number + 1, message) for number, message in enumerate(messages)]
    return fold_all(Ownership("acme", "c1"), entries)


def claimed(epoch: int = 1, agent: str = "ana") -> HandoverClaimed:
    return HandoverClaimed(handover_id="h1", ownership_epoch=epoch, actor_id=agent, agent_id=agent)


def test_a_new_conversation_belongs_to_the_ai_in_epoch_0() -> None:
    state = folded(MessageReceived(turn_id="1", text="hello"))
    assert (state.epoch, state.owner_id, state.handover_id, state.is_known) == (0, None, None, True)


def test_a_command_alone_does_not_make_a_conversation_known() -> None:
    assert not folded(ClaimHandover(command_id="k", actor_id="ana", ownership_epoch=0)).is_known
    assert folded(ClaimHandover(command_id="k", actor_id="ana", ownership_epoch=0), None).sequence == 2


def test_a_claim_a_release_and_an_end_change_owner_and_epoch() -> None:
    released = HandoverReleased(handover_id="h1", ownership_epoch=2, actor_id="ana")
    resolved = HandoverResolved(handover_id="h1", ownership_epoch=4, actor_id="bo")
    messages: list[Message] = [opened("h1"), claimed(), released, claimed(3, "bo"), resolved]
    states = [folded(*messages[: n + 1]) for n in range(len(messages))]
    seen = [(state.epoch, state.owner_id, state.handover_id) for state in states]
    assert seen == [(0, None, "h1"), (1, "ana", "h1"), (2, None, "h1"), (3, "bo", "h1"), (4, None, None)]


def test_a_fact_of_an_old_epoch_changes_nothing() -> None:
    assert folded(opened("h1"), claimed(2, "ana"), claimed(2, "bo"), claimed(1, "cy")).owner_id == "ana"


def test_the_same_answer_delivered_twice_is_folded_once() -> None:
    state = fold(folded(opened("h1")), entry(2, claimed(), "a"))
    again = fold(state, entry(3, claimed(5, "bo"), "a"))
    assert (again.owner_id, again.epoch, again.answers["a"].sequence) == ("ana", 1, 2)


def test_a_handover_opened_twice_is_not_open_again_after_its_end() -> None:
    resolved = HandoverResolved(handover_id="h1", ownership_epoch=2, actor_id="ana")
    assert folded(opened("h1"), claimed(), resolved, opened("h1")).handover_id is None


def test_the_epoch_is_taken_from_a_sent_message_when_the_older_log_is_archived() -> None:
    sent = MessageSent(message_id="m", text="hi", ownership_epoch=4, based_on=BASED)
    assert folded(sent).epoch == 4
    assert folded(opened("h1", ownership_epoch=6)).epoch == 6


def test_the_first_verdict_stays_and_ended_executions_are_remembered() -> None:
    first = ApprovalDecided(approval_id="a1", verdict="approve", actor_id="ana")
    second = ApprovalDecided(approval_id="a1", verdict="reject", actor_id="bo", reason="no")
    state = folded(asked("a1"), first, second, ended("x1"))
    assert state.verdicts["a1"].actor_id == "ana"
    assert state.finished == {"x1"}


def test_an_end_without_an_execution_id_ends_no_approval() -> None:
    assert folded(ended().model_copy(update={"execution_id": None})).finished == frozenset()


def test_a_refusal_is_an_answer_and_changes_no_owner() -> None:
    refusal = HandoverRefused(command_id="k", handover_id="h1", actor_id="bo", reason="not_owner", ownership_epoch=9)
    state = folded(opened("h1"), refusal)
    assert (state.epoch, state.owner_id, len(state.answers)) == (0, None, 1)


def test_a_persons_reply_command_changes_nothing() -> None:
    reply = SendMessage(message_id="m", text="hi", author_id="ana", ownership_epoch=3)
    assert folded(opened("h1"), reply).epoch == 0


def test_remembered_answers_are_bounded() -> None:
    facts = [claimed(number + 1) for number in range(ownership.ANSWERS_KEPT_MAX + 5)]
    state = folded(*facts)
    assert len(state.answers) == ownership.ANSWERS_KEPT_MAX
    assert "id1" not in state.answers


def test_an_answers_id_depends_on_tenant_key_and_command_alone() -> None:
    assert answer_id("acme", "c1", "k") == answer_id("acme", "c1", "k")
    assert len({answer_id("acme", "c1", "k"), answer_id("globex", "c1", "k"), answer_id("acme", "c2", "k")}) == 3


def test_the_newest_timer_that_fired_is_remembered() -> None:
    state = folded(opened("h1"), HandoverDue(due_ms=1), HandoverDue(due_ms=2), claimed())
    assert (state.woken, state.sequence) == (3, 4)
