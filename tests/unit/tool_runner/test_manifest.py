"""What is offered of what a server lists?"""

from tool_runner.domain.manifest import ListedTool, ServerRules, SideEffect, ToolRules
from tool_runner.domain.offer_tools import offered_tools, undeclarable_tools

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


def test_the_manifest_speaks_louder_than_the_source() -> None:
    said = ToolRules(description="Mine.", input_schema={"type": "object"}, output_schema={"type": "string"})
    (tool,) = offered_tools([CANCEL], ServerRules(name="shop", tools={"cancel": said}))
    assert (tool.description, tool.input_schema, tool.output_schema) == (
        "Mine.",
        {"type": "object"},
        {"type": "string"},
    )
    assert tool.version == CANCEL.version


def test_only_tools_that_match_are_offered() -> None:
    rules = ServerRules(name="shop", offered=("can*", "x"))
    assert [tool.local_name for tool in offered_tools([CANCEL, PING], rules)] == ["cancel"]


def test_personal_data_is_marked_in_the_schemas() -> None:
    said = ToolRules(pii_arguments=frozenset({"order"}), pii_results=frozenset({"email"}))
    (tool,) = offered_tools([CANCEL], ServerRules(name="shop", tools={"cancel": said}))
    assert tool.input_schema["properties"]["order"] == {"pii": True, "type": "string"}  # type: ignore[index, call-overload]
    assert tool.output_schema == {"type": "object", "properties": {"email": {"pii": True}}}
    assert "pii" not in str(CANCEL.input_schema)


def test_a_tool_is_another_one_when_anything_of_it_changes() -> None:
    versions = {
        CANCEL.version,
        ListedTool("cancel", "Cancel all.", SCHEMA, {"type": "object"}).version,
        ListedTool("cancel", "Cancel an order.", {}, {"type": "object"}).version,
        ListedTool("cancel", "Cancel an order.", SCHEMA).version,
        ListedTool("cancel", "Cancel an order.", SCHEMA, {"type": "object"}, "other code").version,
    }
    assert len(versions) == 5
    assert (
        ListedTool("renamed", "Cancel an order.", dict(reversed(SCHEMA.items())), {"type": "object"}).version
        in versions
    )


def test_a_tool_that_takes_a_key_in_a_header_may_run_again() -> None:
    (tool,) = offered_tools([PING], ServerRules(name="shop", defaults=ToolRules(idempotency_header="Idempotency-Key")))
    assert tool.idempotent
    assert tool.description_for_models().idempotent


def test_what_marks_and_keys_name_and_a_tool_lacks_is_named() -> None:
    said = ToolRules(pii_arguments=frozenset({"email", "order"}))
    assert undeclarable_tools([CANCEL], ServerRules("shop", tools={"cancel": said})) == ["cancel(email)"]
