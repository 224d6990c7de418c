"""Which words of people and of the house go to the customer now, which are kept from the customer, and which wait?

A reply may be held for a while, so that its author can take it back (SPEC I3). Nothing else of the key waits for it,
but later replies of the same author in the same epoch do: they never overtake it.
"""

from collections.abc import Iterator

from contracts.conversations import MessageSent, MessageSuppressed
from contracts.envelope import BasedOn, Decision, derive_message_id
from orchestrator.domain.decide_execution import Decided
from orchestrator.domain.state import Conversation, HumanMessage


def speech(state: Conversation, based_on: BasedOn) -> Decided | None:
    """The next message of a person or of the house whose time has come."""
    return _human_message(state, based_on) or _announcement(state, based_on)


def held_until_ms(state: Conversation) -> int | None:
    """Log time at which the next reply that is held goes out; None when none is held."""
    return min((due for _, due in _in_order(state) if due > state.log_ms), default=None)


def _in_order(state: Conversation) -> Iterator[tuple[HumanMessage, int]]:
    """Waiting replies in the order of the log, and when each may go: not before those of its author before it."""
    latest: dict[tuple[int, str], int] = {}
    for waiting in sorted(state.human_messages.values(), key=lambda message: message.sequence):
        if waiting.unsend_key in state.unsent:
            yield waiting, 0
            continue
        voice = (waiting.message.ownership_epoch, waiting.message.author_id)
        latest[voice] = max(waiting.due_ms, latest.get(voice, 0))
        yield waiting, latest[voice]


def _human_message(state: Conversation, based_on: BasedOn) -> Decided | None:
    waiting = next((message for message, due in _in_order(state) if due <= state.log_ms), None)
    if waiting is None:
        return None
    message, refused = waiting.message, _refused(state, waiting)
    identity = derive_message_id(f"{state.tenant}/{state.key}/{message.message_id}", "human_reply")
    decision: Decision
    if refused is None:
        decision = MessageSent(
            based_on=based_on,
            message_id=message.message_id,
            text=message.text,
            author="human_agent",
            author_id=message.author_id,
            ownership_epoch=message.ownership_epoch,
            kind="human_reply",
        )
    else:
        decision = MessageSuppressed(
            based_on=based_on,
            message_id=message.message_id,
            text=message.text,
            author="human_agent",
            author_id=message.author_id,
            reason=refused,
            ownership_epoch=message.ownership_epoch,
            current_epoch=state.ownership_epoch,
        )
    return Decided(identity, decision, waiting.input_id)


def _refused(state: Conversation, waiting: HumanMessage) -> str | None:
    """Who may speak is judged at the moment of sending, not when the reply was written."""
    if waiting.unsend_key in state.unsent:
        return "undone"
    if waiting.message.ownership_epoch != state.ownership_epoch:
        return "stale_epoch"
    return None if waiting.message.author_id == state.owner else "not_owner"


def _announcement(state: Conversation, based_on: BasedOn) -> Decided | None:
    """The house speaks whoever owns the conversation, in a closed one too."""
    waiting = min(state.announcements.values(), key=lambda announcement: announcement.sequence, default=None)
    if waiting is None:
        return None
    sent = MessageSent(
        based_on=based_on,
        message_id=waiting.message.message_id,
        text=waiting.message.text,
        author="system",
        ownership_epoch=state.ownership_epoch,
        notice=waiting.message.notice,
    )
    cause = f"{state.tenant}/{state.key}/{waiting.message.message_id}"
    return Decided(derive_message_id(cause, "announcement"), sent, waiting.input_id)
