"""What is one row of a list or a file: of an execution, of a conversation?"""

from collections.abc import Mapping

from analytics.domain.conversation_figures import conversation_figures, resolution_of
from analytics.domain.rollup import Rollup

Value = str | int | bool | None
Row = dict[str, Value]
EXECUTION_COLUMNS = (
    "tenant", "key", "execution_id", "workflow", "version", "stage", "mode", "turn_id", "sink", "reason", "ended",
    "outcome", "success", "default_response", "cost_microdollars", "started_ms", "finished_ms", "at_ms", "sequence",
)  # fmt: skip
"""Times are Unix milliseconds; `at_ms` is the log's. `ended` is
`finished`, `handed_over` or `failed`; `outcome` is what the workflow calls it."""
CONVERSATION_COLUMNS = (
    "tenant", "key", "began_ms", "workflow", "handed_over", "resolution", "rating", "messages_customer", "messages_ai",
    "messages_human_agent", "executions", "successes", "handovers", "first_wait_ms", "handle_ms",
    "ai_cost_microdollars", "tool_cost_microdollars", "human_cost_microdollars",
)  # fmt: skip
_BEGINS = ("first.", "opened.")


def execution_row(body: Mapping[str, object]) -> Row:
    """Without its nodes."""
    return {name: _plain(body.get(name)) for name in EXECUTION_COLUMNS}


def conversation_row(rollup: Rollup) -> Row:
    """What is told of one conversation in a list; all of it is at its own address."""
    told = conversation_figures(rollup)
    subject, waits = rollup.cell.subject, [one.wait_ms for one in told.handovers if one.wait_ms is not None]
    return {
        "tenant": subject.tenant,
        "key": subject.key,
        **found_by(rollup),
        "rating": told.rating,
        "messages_customer": told.messages.get("customer", 0),
        "messages_ai": told.messages.get("ai", 0),
        "messages_human_agent": told.messages.get("human_agent", 0),
        "executions": told.executions,
        "successes": told.successes,
        "handovers": len(told.handovers),
        "first_wait_ms": waits[0] if waits else None,
        "handle_ms": told.handle_ms,
        "ai_cost_microdollars": told.ai_cost_microdollars,
        "tool_cost_microdollars": told.tool_cost_microdollars,
        "human_cost_microdollars": told.human_cost_microdollars,
    }


def found_by(rollup: Rollup) -> Row:
    """By what a conversation is found: its first message or handover, the workflow that ran in it most often, whether a
    person was asked, how it ended. A conversation of which nothing was said (a standalone execution) has no begin."""
    ran = {name.removeprefix("workflows."): n for name, n in rollup.counts.items() if name.startswith("workflows.")}
    return {
        "began_ms": min((at_ms for name, at_ms in rollup.moments.items() if name.startswith(_BEGINS)), default=None),
        "workflow": min(ran, key=lambda name: (-ran[name], name), default=None),
        "handed_over": rollup.counts.get("handovers", 0) > 0,
        "resolution": resolution_of(rollup),
    }


def _plain(value: object) -> Value:
    assert value is None or isinstance(value, str | int | bool), "columns of executions are plain"
    return value
