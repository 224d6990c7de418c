"""Which text goes to the customer, and was it said in this turn already?"""

import hashlib
import json
from collections.abc import Mapping

from orchestrator.domain.context import scope_of
from orchestrator.domain.expression import evaluate_condition
from orchestrator.domain.view import View
from orchestrator.domain.workflow import Condition, JsonValue


def text_of(value: JsonValue) -> str:
    """The text of a reply; values that are not text are sent as JSON, null as nothing."""
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def reply_of(view: View, outputs: Mapping[str, JsonValue], unsure: tuple[str, JsonValue]) -> str:
    """What the AI would have said, had it been sure: the first reply that sinks make of the unsure node's answer."""
    node, answer = unsure
    scope = scope_of(view.state, view.execution, {**outputs, node: answer})
    queries = (Condition("jmespath", sink.reply) for sink in view.workflow.nodes.values() if sink.reply is not None)
    return next(filter(None, (text_of(evaluate_condition(query, scope)) for query in queries)), "")


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
