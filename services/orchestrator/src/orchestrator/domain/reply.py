"""Which text goes to the customer, and was it said in this turn already?"""

import hashlib
import json

from orchestrator.domain.view import View
from orchestrator.domain.workflow import JsonValue


def text_of(value: JsonValue) -> str:
    """The text of a reply; values that are not text are sent as JSON, null as nothing."""
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def fingerprint(text: str) -> str:
    """Hash of a text without regard to case and white space (SPEC O8)."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()


def is_repeated(view: View, text: str) -> bool:
    """Whether the AI said the same within this turn; workflows may allow it."""
    turn = view.state.turns.get(view.execution.turn_id or "")
    if turn is None or view.workflow.limits.allow_repeated_reply:
        return False
    said = (line for line in view.state.transcript if line.turn_id == turn.message.turn_id)
    return any(fingerprint(line.text) == fingerprint(text) for line in said)
