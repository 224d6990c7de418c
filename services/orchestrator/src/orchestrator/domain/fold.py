"""How does one more message of the log change what is known of its key?

Folds never raise, know every message by its id, and give the same result in whatever order unfenced messages come
(ARCHITECTURE 1, rule 4).
"""

from collections.abc import Iterable, Iterator

from contracts.envelope import Decision, LogEntry, Message
from orchestrator.domain.fold_decisions import DECISION_FOLDS
from orchestrator.domain.fold_inputs import INPUT_FOLDS
from orchestrator.domain.state import (
    Conversation,
    evolve,
)

FOLDS = INPUT_FOLDS | DECISION_FOLDS


def fold(state: Conversation, entry: LogEntry) -> Conversation:
    """`state` with one more entry. An id that is known already changes nothing but the end of the prefix."""
    last = max(state.last_sequence, entry.sequence)
    if entry.id in state.seen:
        return evolve(state, last_sequence=last)
    message = entry.message
    counted = evolve(
        state,
        last_sequence=last,
        messages=state.messages + 1,
        bytes_stored=state.bytes_stored + entry.bytes_stored,
        seen=state.seen | {entry.id},
    )
    if message is None:  # It counts towards the limits, so decisions name it too.
        return evolve(counted, uncovered=(*counted.uncovered, entry.id))
    folded = FOLDS.get(type(message), _nothing)(counted, entry, message)
    if isinstance(message, Decision):
        covered = set(message.based_on.inputs)
        left = tuple(id for id in folded.uncovered if id not in covered)
        return evolve(folded, uncovered=left, workflow_hash=message.workflow_hash or folded.workflow_hash)
    return evolve(folded, uncovered=(*folded.uncovered, entry.id), log_ms=max(folded.log_ms, entry.timestamp_ms))


def fold_all(state: Conversation, entries: Iterable[LogEntry]) -> Conversation:
    """Fold entries in the order in which they were decided upon."""
    stored = list(entries)
    for entry in decided_order(stored):
        state = fold(state, entry)
    return evolve(state, last_sequence=max((entry.sequence for entry in stored), default=state.last_sequence))


def decided_order(entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
    """Entries in the order in which the writers folded them: each decision right after the inputs that it names.

    On replicas a decision may be stored behind an input that its writer had not seen (ARCHITECTURE 1); such an input
    comes after that decision here. Inputs that no decision names come last, in log order."""
    waiting: dict[str, LogEntry] = {}
    for entry in entries:
        if not isinstance(entry.message, Decision):
            waiting.setdefault(entry.id, entry)
            continue
        for input_id in entry.message.based_on.inputs:
            if input_id in waiting:
                yield waiting.pop(input_id)
        yield entry
    yield from waiting.values()


def _nothing(state: Conversation, entry: LogEntry, message: Message) -> Conversation:
    return state
