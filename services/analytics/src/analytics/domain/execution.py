"""What is kept of one execution, without anything personal?"""

from pydantic import JsonValue

from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished


def execution_id(key: str, message: ExecutionFinished) -> str:
    """An execution ends once; in standalone mode the key is its id."""
    return message.execution_id or key


def succeeded(message: ExecutionFinished) -> bool:
    """SPEC A3: as the orchestrator decided, and never by a default response."""
    return message.success and not message.default_response


def ending_of(message: ExecutionFinished) -> str:
    """How it ended: `finished`, `handed_over` as the customer or a policy asked for it, or `failed` (SPEC A3)."""
    if not succeeded(message):
        return "failed"
    return "handed_over" if message.sink == "HANDOVER" else "finished"


def execution_document(tenant: str, key: str, entry: LogEntry, message: ExecutionFinished) -> dict[str, JsonValue]:
    """Outcome, cost and nodes; neither output nor detail, which may quote the customer."""
    kept = message.model_dump(mode="json", exclude={"based_on", "output", "detail", "entity", "metadata"})
    found_by = {"tenant": tenant, "key": key, "sequence": entry.sequence, "at_ms": entry.timestamp_ms}
    return {**kept, **found_by, "ended": ending_of(message)}
