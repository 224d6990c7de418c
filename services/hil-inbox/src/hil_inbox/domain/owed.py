"""What does the inbox owe a conversation by itself: an acknowledgement, a word to the customer, an alarm?"""

from dataclasses import dataclass

from contracts.conversations import AnnounceMessage, Notice
from contracts.envelope import Message, derive_message_id
from contracts.handover_clocks import HandoverBreached, HandoverDelivered, HandoverWoken
from hil_inbox.domain.decide_note import settled_by_reply
from hil_inbox.domain.house_commands import HOUSE
from hil_inbox.domain.open_hours import NEVER_MS
from hil_inbox.domain.owed_to_approvals import delivery_owed, next_expiry, queue_of, undelivered
from hil_inbox.domain.ownership import Ownership
from hil_inbox.domain.queues import Asked, FallbackKind, Queue, Queues
from hil_inbox.domain.surroundings import Surroundings
from hil_inbox.domain.waiting import Waiting, clocks_of


@dataclass(frozen=True, slots=True)
class Owed:
    """A message to append, and its id, which is the same whoever finds it owed."""

    message: Message
    id: str


def queues_to_ask(state: Ownership, queues: Queues) -> tuple[Queue, ...]:
    """Of which queues `owed` wants to know who is there: those of a handover and of approvals which are not
    acknowledged yet, and those that they may go to instead."""
    asked = [queue_of(one.skills, one.workflow, queues) for one in undelivered(state)]
    if state.waiting is not None and _undelivered(state, state.waiting):
        asked.append(_queue_of(state, state.waiting, queues))
    others = [queues.named(queue.when_nobody.overflow or "") for queue in asked]
    return tuple({queue.name: queue for queue in (*asked, *others) if queue is not None}.values())


def owed(state: Ownership, now_ms: int, around: Surroundings) -> Owed | None:
    """The next one; None when nothing is owed."""
    return _owed_to_handover(state, now_ms, around) or _owed_to_approvals(state, around) or _owed_to_drafts(state)


def next_wake(state: Ownership) -> int:
    """When something will be owed, or an approval be over, if nothing else happens; NEVER_MS if nothing will."""
    return min(_next_clock(state), next_expiry(state))


def announcement_id(tenant: str, key: str, handover_id: str) -> str:
    """Of the one word that a customer gets when nobody is there for their handover."""
    return derive_message_id(f"{tenant}/{key}/{handover_id}", "hil-inbox/nobody-online")


def _next_clock(state: Ownership) -> int:
    waiting = state.waiting
    if waiting is None or waiting.ended_ms is not None:
        return NEVER_MS
    due = [one.due_ms for one in clocks_of(waiting).values() if one.state == "running" and one.due_ms is not None]
    snoozed = [] if waiting.snoozed_until_ms is None else [waiting.snoozed_until_ms]
    return min([*due, *snoozed], default=NEVER_MS)


def _owed_to_handover(state: Ownership, now_ms: int, around: Surroundings) -> Owed | None:
    waiting = state.waiting
    if waiting is None or waiting.ended_ms is not None:
        return None
    if _undelivered(state, waiting):
        return _delivered(state, waiting, around)
    return _announced(state, waiting, around) or _woken(state, waiting, now_ms) or _breached(state, waiting, now_ms)


def _undelivered(state: Ownership, waiting: Waiting) -> bool:
    """A conversation that a person took from the AI waits in no queue before they let it go."""
    is_asked_for = state.opened is not None and state.opened.handover_id == waiting.handover_id
    is_open = waiting.ended_ms is None and waiting.delivered is None
    return is_open and (is_asked_for or state.owner_id is None)


def _queue_of(state: Ownership, waiting: Waiting, queues: Queues) -> Queue:
    """The one that somebody named when they passed it on, or the first that fits."""
    opened = state.opened
    if opened is None or opened.handover_id != waiting.handover_id:
        asked = Asked("taken_over")
    else:
        asked = Asked(opened.reason, frozenset(opened.skills), opened.workflow)
    return queues.named(waiting.queue) or queues.of(asked)


def _delivered(state: Ownership, waiting: Waiting, around: Surroundings) -> Owed:
    queue = _queue_of(state, waiting, around.queues)
    where, fallback = _reaction(state, queue, around)
    fact = HandoverDelivered(
        handover_id=waiting.handover_id,
        queue=where.name,
        terms=queue.terms,
        agents_online=around.people(where),
        fallback=fallback,
        waiting_before=around.waiting.get(where.name, 0),
    )
    return _with_id(state, fact, f"{waiting.handover_id}/delivered")


def _reaction(state: Ownership, queue: Queue, around: Surroundings) -> tuple[Queue, FallbackKind]:
    """(where it waits, what is done as nobody is there). Who owns it already is somebody."""
    where = queue if state.owner_id is not None else around.manned(queue)
    if where is not None:
        return where, "none" if where is queue else "overflow"
    if queue.when_nobody.callback is not None:
        return queue, "callback"
    return queue, "none" if queue.when_nobody.message is None else "message"


def _announced(state: Ownership, waiting: Waiting, around: Surroundings) -> Owed | None:
    delivered = waiting.delivered
    message_id = announcement_id(state.tenant, state.key, waiting.handover_id)
    if delivered is None or delivered.fallback not in ("message", "callback") or message_id in state.announced:
        return None
    queue = around.queues.named(delivered.queue)
    if queue is None:  # The file has changed since, and with it what was to be said.
        return None
    notice: Notice = "callback" if delivered.fallback == "callback" else "nobody_online"
    text = queue.when_nobody.callback if notice == "callback" else queue.when_nobody.message
    if text is None:
        return None
    return Owed(AnnounceMessage(message_id=message_id, text=text, notice=notice), message_id)


def _woken(state: Ownership, waiting: Waiting, now_ms: int) -> Owed | None:
    """A snooze that is over. A message of the customer ends one without this fact."""
    if waiting.snoozed_ms is None or waiting.snoozed_until_ms is None or now_ms < waiting.snoozed_until_ms:
        return None
    fact = HandoverWoken(handover_id=waiting.handover_id, actor_id=HOUSE, at_ms=now_ms)
    return _with_id(state, fact, f"{waiting.handover_id}/woken/{waiting.snoozed_ms}")


def _breached(state: Ownership, waiting: Waiting, now_ms: int) -> Owed | None:
    for clock, shown in clocks_of(waiting).items():
        if shown.state == "running" and shown.due_ms is not None and now_ms >= shown.due_ms:
            fact = HandoverBreached(
                handover_id=waiting.handover_id,
                clock=clock,
                due_ms=shown.due_ms,
                owner_id=state.owner_id,
                queue=waiting.queue,
            )
            return _with_id(state, fact, f"{waiting.handover_id}/breached/{clock}/{shown.due_ms}")
    return None


def _owed_to_approvals(state: Ownership, around: Surroundings) -> Owed | None:
    fact = delivery_owed(state, around)
    return None if fact is None else _with_id(state, fact, f"{fact.approval_id}/delivered")


def _owed_to_drafts(state: Ownership) -> Owed | None:
    """A reply that reached the customer settles the draft that it was made from."""
    for message in state.sent_from_drafts.values():
        assert message.suggestion_id is not None, "only replies made from drafts are kept here"
        fact = settled_by_reply(
            state,
            message.suggestion_id,
            text=message.text,
            actor_id=message.author_id,
            message_id=message.message_id,
        )
        if fact is not None:
            return _with_id(state, fact, f"{message.suggestion_id}/settled")
    return None


def _with_id(state: Ownership, message: Message, name: str) -> Owed:
    return Owed(message, derive_message_id(f"{state.tenant}/{state.key}/{name}", message.route.type))
