"""Within which limits do an execution and a conversation stay under a workflow?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkflowLimits:
    """Limits of a whole execution and of a conversation under this workflow. A `cost_max_microdollars` of None inherits
    the tenant's cap, unless `is_uncapped` says that there is none."""

    deadline_ms: int = 600_000
    cost_max_microdollars: int | None = None
    is_uncapped: bool = False
    context_tokens_max: int = 8_000
    turns_per_minute_max: int = 20
    turns_queued_max: int = 50
    idle_close_ms: int = 86_400_000
    allow_repeated_reply: bool = False
