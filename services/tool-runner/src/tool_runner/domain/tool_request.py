"""What does a source of tools need to know to make one call?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tool_runner.domain.arguments import Caller
from tool_runner.domain.manifest import Json


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """One call of one tool. `tool` is the server's own name; `until` is a time of `time.monotonic`; `headers` carry
    what the caller's connected account adds (never logged, for sources that speak HTTP)."""

    tool: str
    arguments: Json
    until: float
    caller: Caller
    idempotency_key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
