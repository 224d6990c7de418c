"""What is offered of what a server lists?"""

from tool_runner.domain.manifest import (
    ListedTool,
    ServerRules,
    SideEffect,
    ToolRules,
    offered_tools,
    undeclarable_tools,
)

SCHEMA = {
    "type": "object",
    "properties": {"order": {"type": "string"}, "state_key": {"type": "string"}, "key": {"type": "string"}},
    "required": ["order", "state_key"],
    "additionalProperties": False,
}
CANCEL = ListedTool("cancel", "Cancel an order.", SCHEMA, {"type": "object"})
PING = ListedTool("ping", "", {"type": "object"})
RULES = ServerRules(
    name="shop",
    hidden_tools=frozenset({"reset"}),
    state_key="{key}",
    defaults=ToolRules(SideEffect.READ),
    tools={"cancel": ToolRules(SideEffect.IRREVERSIBLE, timeout_ms=500, idempotency_argument="key")},
)


def test_hidden_tools_are_not_offered() -> None:
    assert [tool.name for tool in offered_tools([CANCEL, ListedTool("reset", "", {})], RULES)] == ["shop.cancel"]


def test_models_see_the_schema_without_the_runners_own_arguments() -> None:
    (tool,) = offered_tools([CANCEL], RULES)
    description = tool.description_for_models()
    assert description.input_schema == {
        "type": "object",
        "properties": {"order": {"type": "string"}},
        "required": ["order"],
        "additionalProperties": False,
    }
    assert (description.name, description.side_effect, description.idempotent) == ("shop.cancel", "irreversible", True)
    assert (description.timeout_ms, description.output_schema) == (500, {"type": "object"})
    assert tool.reserved_arguments == {"state_key", "key"}


def test_arguments_that_a_tool_lacks_are_not_reserved_and_make_nothing_idempotent() -> None:
    rules = ServerRules(name="shop", state_key="{key}", defaults=ToolRules(idempotency_argument="key"))
    (tool,) = offered_tools([PING], rules)
    assert (tool.reserved_arguments, tool.idempotent, tool.may_run_again) == (frozenset(), False, False)
    assert tool.description_for_models().output_schema is None


def test_without_a_template_the_state_key_is_an_argument_like_any_other() -> None:
    (tool,) = offered_tools([CANCEL], ServerRules(name="shop"))
    assert tool.reserved_arguments == frozenset()
    assert "state_key" in tool.input_schema["properties"]  # type: ignore[operator]


def test_what_is_declared_and_not_there_is_named() -> None:
    assert undeclarable_tools([CANCEL], RULES) == ["reset"]
    assert undeclarable_tools([PING], RULES) == ["cancel", "reset"]
    keyless = ListedTool("cancel", "", {"properties": {"order": {}}})
    assert undeclarable_tools([keyless, ListedTool("reset", "", {})], RULES) == ["cancel(key)"]
