"""How is each step of the pipeline seen in the trace of its call?"""

from typing import TypeVar

from opentelemetry import trace

from tool_runner.domain.outcome import Ended, Failed
from tool_runner.handlers.observe import outcome_word

T = TypeVar("T")
EVENT = "hil.tool.step"


def step(name: str, found: T) -> T:
    """Write down how the step ended, as an event of the delivery's span; hands on what was found."""
    span = trace.get_current_span()
    if span.is_recording():
        span.add_event(EVENT, {"hil.tool.step.name": name, "hil.tool.step.outcome": _word(found)})
    return found


def _word(found: object) -> str:
    """One word of a closed set: nothing of arguments, results and details gets into a trace."""
    match found:
        case Ended(_, True):
            return "repeated"
        case Ended(verdict):
            return outcome_word(verdict)
        case Failed():
            return outcome_word(found)
    return "passed"
