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
    folded = FOLDS.get(type(message), _nothing)(state, entry, message) if message is not None else state
    log_ms, workflow_hash = folded.log_ms, folded.workflow_hash
    if isinstance(message, Decision):
        covered = set(message.based_on.inputs)
        uncovered = tuple(id for id in folded.uncovered if id not in covered)
        workflow_hash = message.workflow_hash or workflow_hash
    else:  # What cannot be read counts towards the limits, so decisions name it too.
        uncovered = (*folded.uncovered, entry.id)
        log_ms = log_ms if message is None else max(log_ms, entry.timestamp_ms)
    return evolve(
        folded,
        last_sequence=last,
        log_ms=log_ms,
        messages=state.messages + 1,
        bytes_stored=state.bytes_stored + entry.bytes_stored,
        seen=state.seen | {entry.id},
        uncovered=uncovered,
        workflow_hash=workflow_hash,
    )


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
