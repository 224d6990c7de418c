"""What is the one answer to a command?"""

from collections.abc import Sequence
from typing import assert_never

from contracts.conversations import SendMessage
from contracts.handover_clocks import OverrideHandover, SnoozeHandover, TransferHandover, WakeHandover
from contracts.handovers import (
    ClaimHandover,
    DecideApproval,
    HandoverCommand,
    ReleaseHandover,
    ResolveHandover,
    ReturnHandover,
)
from contracts.notes import AddNote
from contracts.suggestions import SettleSuggestion
from hil_inbox.domain.decide_approval import decide_approval
from hil_inbox.domain.decide_handover import decide_handover
from hil_inbox.domain.decide_move import decide_house, decide_override, decide_pause, decide_transfer
from hil_inbox.domain.decide_note import decide_note, decide_settlement
from hil_inbox.domain.house_commands import AssignHandover, HouseCommand, RehomeHandover
from hil_inbox.domain.ownership import InboxFact, Ownership
from hil_inbox.domain.refuse import refuse

DeskCommand = (
    ClaimHandover
    | ReleaseHandover
    | ResolveHandover
    | ReturnHandover
    | TransferHandover
    | OverrideHandover
    | SnoozeHandover
    | WakeHandover
    | DecideApproval
    | AddNote
    | SettleSuggestion
)
Command = DeskCommand | HouseCommand


EndOfOwnership = ReleaseHandover | ResolveHandover | ReturnHandover | TransferHandover


def decide_command(state: Ownership, command: Command, *, now_ms: int) -> InboxFact:
    """The fact to append, or a refusal (HandoverRefused)."""
    if isinstance(command, EndOfOwnership) and (owed := owed_replies(state, command)):
        names = ", ".join(reply.message_id for reply in owed)
        return refuse(state, command, "reply_in_flight", f"not sent yet: {names[:300]}; take them back, or ask again")
    return _decided(state, command, now_ms)


def _decided(state: Ownership, command: Command, now_ms: int) -> InboxFact:
    match command:
        case DecideApproval():
            return decide_approval(state, command, now_ms=now_ms)
        case TransferHandover():
            return decide_transfer(state, command, now_ms=now_ms)
        case OverrideHandover():
            return decide_override(state, command, now_ms=now_ms)
        case SnoozeHandover() | WakeHandover():
            return decide_pause(state, command, now_ms=now_ms)
        case AddNote() | SettleSuggestion():
            return _decide_words(state, command, now_ms=now_ms)
        case AssignHandover() | RehomeHandover():
            return decide_house(state, command, now_ms=now_ms)
        case ClaimHandover() | ReleaseHandover() | ResolveHandover() | ReturnHandover():
            return decide_handover(state, command, now_ms=now_ms)
        case _:  # pragma: no cover - the type checker proves that it cannot be
            assert_never(command)


def owed_replies(state: Ownership, command: Command) -> Sequence[SendMessage]:
    """The owner's own replies that are still on their way: giving up the conversation waits for them, so that nobody's
    `resolve` keeps back what they have just said."""
    if not isinstance(command, EndOfOwnership):
        return ()
    if state.owner_id != command.actor_id or state.epoch != command.ownership_epoch:
        return ()
    return [
        reply
        for reply in state.replies.values()
        if reply.author_id == command.actor_id and reply.ownership_epoch == state.epoch
    ]


def is_overtaken(state: Ownership, command: Command) -> bool:
    """Whether the command belongs to an epoch that has ended. Nothing that comes can make it possible again, and what
    it did, if it ever did anything, is folded: that came before the next epoch."""
    return isinstance(command, HandoverCommand | HouseCommand) and command.ownership_epoch < state.epoch


def _decide_words(state: Ownership, command: AddNote | SettleSuggestion, *, now_ms: int) -> InboxFact:
    if isinstance(command, AddNote):
        return decide_note(state, command, now_ms=now_ms)
    return decide_settlement(state, command)
