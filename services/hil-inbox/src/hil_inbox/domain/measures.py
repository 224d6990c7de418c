"""What does one fact of the log say about how well customers and people are served?"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

from contracts.conversations import ConversationRated, MessageSent, MessageSuppressed
from contracts.envelope import LogEntry
from contracts.handovers import (
    ApprovalDecided,
    HandoverClaimed,
    HandoverFact,
    HandoverReleased,
    HandoverResolved,
    HandoverReturned,
    OpenHandover,
)
from contracts.suggestions import SuggestionSettled
from hil_inbox.domain.read_model import Body, View

AGAIN_MS = 24 * 3_600_000
Name = Literal[
    "opened", "claim", "first_reply", "resolution", "suppressed", "release", "decision", "dwell",
    "rejection", "edit", "suggestion", "rating",
]  # fmt: skip
CLAIMS = frozenset({"claimed", "assigned", "transferred", "overridden"})
RELEASES = frozenset({"released", "transferred", "overridden", "rehomed", "agent_offline"})
SUPPRESSIONS = frozenset({"stale_epoch", "not_owner", "duplicate_reply", "undone"})


@dataclass(frozen=True, slots=True)
class Measure:
    """One observation. `value` is in seconds, or a share; None where the fact is only counted. `word` is of a closed
    set, but for `rejection`: there it is what a person chose."""

    name: Name
    queue: str
    word: str = ""
    value: float | None = None


def measures(view: View, entry: LogEntry) -> tuple[Measure, ...]:
    """Of an entry, with its conversation folded through it."""
    queue = view.waiting.queue if view.waiting is not None else ""
    match entry.message:
        case OpenHandover() | HandoverFact() as message:
            return tuple(_of_handover(view, entry, message, queue))
        case MessageSent(author="human_agent") if view.waiting is not None:
            first_ms = view.waiting.first_response_ms
            is_first = first_ms == entry.timestamp_ms
            return (
                (Measure("first_reply", queue, value=_seconds(view.waiting.opened_ms, first_ms)),) if is_first else ()
            )
        case MessageSuppressed(author="ai", reason=reason):
            return (Measure("suppressed", queue, _known(reason, SUPPRESSIONS)),)
        case ApprovalDecided(approval_id=approval_id) as verdict:
            asked = view.documents.get(("approvals", approval_id), {})
            return tuple(_of_verdict(verdict, str(asked.get("queue", ""))))
        case SuggestionSettled() | ConversationRated() as verdict:
            return tuple(_of_verdict(verdict, queue))
        case _:
            return ()


def _of_handover(view: View, entry: LogEntry, fact: OpenHandover | HandoverFact, queue: str) -> Iterable[Measure]:
    body = view.documents.get(("handovers", fact.handover_id), {})
    if fact.ownership_epoch < view.epoch:
        return
    match fact:
        case OpenHandover():
            yield Measure("opened", queue, "again" if _is_again(view, entry, fact) else "first")
        case HandoverClaimed(reason=reason):
            waited = fact.previous_owner_id is None and body.get("reason") != "taken_over"
            since_ms = (body.get("released_ms") or body.get("opened_ms")) if waited else None
            yield Measure("claim", queue, _known(reason, CLAIMS), _seconds(since_ms, entry.timestamp_ms))
        case HandoverReleased(reason=reason):
            yield Measure("release", queue, _known(reason, RELEASES))
        case HandoverResolved() | HandoverReturned():
            word = fact.route.name.removeprefix("handover.")
            yield Measure("resolution", queue, word, _seconds(body.get("opened_ms"), entry.timestamp_ms))


def _of_verdict(fact: ApprovalDecided | SuggestionSettled | ConversationRated, queue: str) -> Iterable[Measure]:
    match fact:
        case ApprovalDecided():
            yield Measure("decision", queue, fact.verdict)
            if fact.dwell_ms is not None:
                yield Measure("dwell", queue, "approval", fact.dwell_ms / 1_000)
            if fact.verdict == "reject":
                yield Measure("rejection", queue, fact.reason_code)
        case SuggestionSettled():
            yield Measure("suggestion", queue, fact.outcome)
            if fact.edit_distance is not None:
                yield Measure("edit", queue, value=min(1.0, fact.edit_distance / max(1, fact.text_characters)))
            if fact.dwell_ms is not None:
                yield Measure("dwell", queue, "suggestion", fact.dwell_ms / 1_000)
        case ConversationRated():
            yield Measure("rating", queue, str(fact.rating))


def _is_again(view: View, entry: LogEntry, opened: OpenHandover) -> bool:
    """Whether a person or the AI got this conversation back less than a day ago."""
    others = [
        body for place, body in view.documents.items() if place[0] == "handovers" and place[1] != opened.handover_id
    ]
    return any(entry.timestamp_ms - ended_ms < AGAIN_MS for body in others for ended_ms in _ends(body))


def _ends(body: Body) -> list[int]:
    return [cast(int, body[name]) for name in ("resolved_ms", "returned_ms") if body.get(name) is not None]


def _seconds(since_ms: object, until_ms: int | None) -> float | None:
    if not isinstance(since_ms, int) or until_ms is None:
        return None
    return max(0, until_ms - since_ms) / 1_000


def _known(word: str, words: frozenset[str]) -> str:
    return word if word in words else "other"
