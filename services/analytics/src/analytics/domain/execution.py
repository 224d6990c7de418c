"""What is kept of one execution, without anything personal?"""

from pydantic import JsonValue

from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished


def execution_id(key: str, message: ExecutionFinished) -> str:
    """An execution ends once; in standalone mode the key is its id."""
    return message.execution_id or key


def execution_document(tenant: str, key: str, entry: LogEntry, message: ExecutionFinished) -> dict[str, JsonValue]:
    """Outcome, cost and nodes; neither output nor detail, which may quote the customer."""
    kept = message.model_dump(mode="json", exclude={"based_on", "output", "detail", "entity", "metadata"})
    return {**kept, "tenant": tenant, "key": key, "sequence": entry.sequence, "at_ms": entry.timestamp_ms}
