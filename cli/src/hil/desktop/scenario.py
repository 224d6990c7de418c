"""What happens in conversations that people take part in? The same for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from contracts.conversations import MessageReceived, MessageSent
from contracts.envelope import BasedOn, Identity, Message, derive_message_id
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverPacket,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    OpenApproval,
    OpenHandover,
)
from contracts.notes import NoteAdded

AGENTS = ("ada", "bo", "cleo")
BASED = BasedOn(now_ms=1, fence=0)
FAR_MS = 4_000_000_000_000


@dataclass(slots=True)
class _Conversation:
    """How far one conversation is."""

    key: str
    epoch: int = 0
    handovers: int = 0
    owner: str | None = None
    is_open: bool = False
    approvals: list[str] = field(default_factory=list)
    said: int = 0

    @property
    def handover_id(self) -> str:
        return f"{self.key}-h{self.handovers}"


def scenario(seed: int, *, tenant: str, events: int, conversations: int) -> Iterator[tuple[Message, Identity]]:
    """Messages to publish one after the other: customers write, the AI hands over, people claim, answer, note, release,
    resolve, give back and decide."""
    rng = random.Random(seed)  # noqa: S311 - a story to be told again, no secret
    known = [_Conversation(f"s{seed}-{number}") for number in range(conversations)]
    for number in range(events):
        conversation = rng.choice(known)
        message = _next(conversation, rng)
        id_ = derive_message_id(f"{tenant}/{conversation.key}/{number}", message.route.type)
        yield message, Identity(tenant, conversation.key, id_, f"scenario-{seed}")


def _next(conversation: _Conversation, rng: random.Random) -> Message:
    chance = rng.random()
    if not conversation.said or chance < 0.3:
        return _customer(conversation, rng)
    if not conversation.is_open:
        return _open(conversation, rng)
    if conversation.owner is None:
        return _claim(conversation, rng)
    if chance < 0.5:
        return _answer(conversation)
    if chance < 0.6:
        return NoteAdded(note_id=f"{conversation.key}-n{rng.random()}", actor_id=conversation.owner, text="looked at")
    if chance < 0.75:
        return _approval(conversation)
    return _end(conversation, rng)


def _customer(conversation: _Conversation, rng: random.Random) -> Message:
    conversation.said += 1
    return MessageReceived(turn_id=f"t{conversation.said}", text=f"line {conversation.said}: {rng.random():.6f}")


def _open(conversation: _Conversation, rng: random.Random) -> Message:
    conversation.handovers += 1
    conversation.is_open = True
    return OpenHandover(
        handover_id=conversation.handover_id,
        reason="customer_request",
        priority=rng.choice(("low", "normal", "high", "urgent")),
        ownership_epoch=conversation.epoch,
        packet=HandoverPacket(reason="customer_request", ask="a person, please"),
        based_on=BASED,
    )


def _claim(conversation: _Conversation, rng: random.Random) -> Message:
    conversation.epoch += 1
    conversation.owner = rng.choice(AGENTS)
    return HandoverClaimed(
        handover_id=conversation.handover_id,
        ownership_epoch=conversation.epoch,
        actor_id=conversation.owner,
        agent_id=conversation.owner,
    )


def _answer(conversation: _Conversation) -> Message:
    conversation.said += 1
    return MessageSent(
        message_id=f"{conversation.key}-m{conversation.said}",
        text=f"answer {conversation.said}",
        author="human_agent",
        author_id=conversation.owner,
        ownership_epoch=conversation.epoch,
        based_on=BASED,
    )


def _approval(conversation: _Conversation) -> Message:
    if conversation.approvals and len(conversation.approvals) % 2:
        approval_id = conversation.approvals[-1]
        conversation.approvals.append("")
        return ApprovalDecided(approval_id=approval_id, verdict="approve", actor_id=str(conversation.owner))
    approval_id = f"{conversation.key}-a{len(conversation.approvals)}"
    conversation.approvals.append(approval_id)
    return OpenApproval(
        approval_id=approval_id, kind="question", node="ask", ask="May I?", expires_ms=FAR_MS, based_on=BASED
    )


def _end(conversation: _Conversation, rng: random.Random) -> Message:
    kind = rng.choice((HandoverReleased, HandoverResolved, HandoverReturned))
    conversation.epoch += 1
    actor_id, conversation.owner = str(conversation.owner), None
    handover_id = conversation.handover_id
    conversation.is_open = kind is HandoverReleased
    return kind(handover_id=handover_id, ownership_epoch=conversation.epoch, actor_id=actor_id)
