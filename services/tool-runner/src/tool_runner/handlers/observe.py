"""What do metrics and the log line say of a tool call?"""

import structlog
from prometheus_client import Counter, Histogram

from tool_runner.domain.outcome import ApprovalRequired, Done, Ended, Failed, Unknown, Verdict

CALLS = Counter("hil_tool_calls_total", "Tool calls by server and outcome.", ("server", "outcome"))
CALL_SECONDS = Histogram("hil_tool_call_seconds", "Time of a tool call in the runner.", ("server",))


def observe_call(tool: str, ended: Ended, *, seconds: float) -> None:
    """Nothing of arguments and results; only how it ended."""
    server = tool.partition(".")[0]
    outcome = "repeated" if ended.repeated else outcome_word(ended.verdict)
    if outcome in ("denied", "unknown_tool"):
        server = ""  # The name is the caller's word: labels come from small closed sets.
    CALLS.labels(server, outcome).inc()
    CALL_SECONDS.labels(server).observe(seconds)
    structlog.contextvars.bind_contextvars(tool=tool, tool_outcome=outcome)


def outcome_word(verdict: Verdict | ApprovalRequired) -> str:
    """One word of a closed set."""
    match verdict:
        case Done(_, is_error):
            return "tool_error" if is_error else "ok"
        case Failed(error_class):
            return error_class.value
        case Unknown():
            return "unknown"
        case ApprovalRequired():
            return "approval_required"
