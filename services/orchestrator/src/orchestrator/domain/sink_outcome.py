"""What does the business learn of an execution that finishes: its outcome, how often people were asked (SPEC A5)?"""

from collections.abc import Mapping
from typing import Final

from contracts.handovers import OpenApproval
from orchestrator.domain.evaluate import Evaluation
from orchestrator.domain.expression import render_value
from orchestrator.domain.state import Execution
from orchestrator.domain.workflow import JsonValue

TEXT_CHARACTERS_MAX: Final = 256


def outcome_of(evaluation: Evaluation) -> dict[str, JsonValue]:
    """`outcome` and `metadata` of the sink that was reached; empty where it declares none."""
    sink = evaluation.reached_sink()
    if sink is None or sink.outcome is None:
        return {}
    scope = evaluation.scope_before(sink.id)
    metadata = {name: render_value(value, scope) for name, value in sink.metadata.items()}
    return {"outcome": sink.outcome, "metadata": _told(metadata)}


def people_asked(execution: Execution) -> int:
    """Questions and approvals that the execution put to people."""
    return sum(isinstance(issued.message, OpenApproval) for issued in execution.commands.values())


def _told(metadata: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Numbers, booleans and short texts; what found nothing or something larger is left out."""
    return {
        name: value
        for name, value in metadata.items()
        if isinstance(value, int | float) or (isinstance(value, str) and 0 < len(value) <= TEXT_CHARACTERS_MAX)
    }
