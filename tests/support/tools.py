"""How do unit tests make a tool?"""

from tool_runner.domain.manifest import SideEffect, Tool, ToolRules


def tool_with(
    *,
    side_effect: SideEffect = SideEffect.WRITE,
    idempotent: bool = False,
    idempotency_argument: str | None = None,
    state_key: str | None = None,
    state_key_argument: str | None = None,
) -> Tool:
    """A tool of the shop."""
    return Tool(
        server="shop",
        local_name="cancel",
        description="",
        input_schema={"type": "object"},
        output_schema=None,
        rules=ToolRules(side_effect, idempotent),
        state_key=state_key,
        state_key_argument=state_key_argument,
        idempotency_argument=idempotency_argument,
        result_field=None,
    )
