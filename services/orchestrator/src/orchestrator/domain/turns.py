"""Which turns wait for the AI, in which order, and how does the execution of one begin?"""

from orchestrator.domain.state import Conversation, Execution, Turn


def begin(
    state: Conversation, turn: Turn | None, workflow_hash: str, *, execution_id: str, experiment: str | None = None
) -> Execution:
    """An execution at its beginning. Its clock starts when its turn's time has come, not while it queued."""
    asked_ms = turn.received_ms if turn is not None else (state.start.received_ms if state.start else 0)
    return Execution(
        id=execution_id,
        workflow_hash=workflow_hash,
        started_ms=max(asked_ms, state.finished_ms),
        ownership_epoch=state.ownership_epoch,
        turn_id=None if turn is None else turn.message.turn_id,
        experiment=experiment,
    )


def execution_id_of(state: Conversation, turn: Turn) -> str:
    """Derived from tenant, key and turn, so that a turn has one execution whoever decides it."""
    return f"{state.key}:{turn.message.turn_id}"


def ordered_turns(state: Conversation) -> list[Turn]:
    """Turns first in, first out, by the order of the log."""
    return sorted(state.turns.values(), key=lambda turn: turn.sequence)


def eligible_turns(state: Conversation) -> list[Turn]:
    """Turns that wait for the AI, first in, first out."""
    if not state.turns or not state.ai_speaks:
        return []
    return [
        turn
        for turn in ordered_turns(state)
        if turn.sequence > state.ai_since
        and turn.message.turn_id not in state.answered
        and turn.input_id not in state.refused
    ]
