"""Which listed tools can be used, and what is said against arguments?"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tool_runner.adapters.tool_registry import RegisteredTool, ToolRegistry
from tool_runner.domain.manifest import ListedTool, ServerRules
from tool_runner.domain.tool_policy import Absence

GOOD = ListedTool("good", "", {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]})


@pytest.fixture
def registry() -> ToolRegistry:
    return ToolRegistry({name: ServerRules(name) for name in ("shop", "late")})


def test_a_server_that_has_not_listed_its_tools_is_not_one_that_lacks_them(registry: ToolRegistry) -> None:
    registry.replace("shop", [GOOD])
    assert registry.find("shop.none") is Absence.UNKNOWN
    assert registry.find("nobody.good") is Absence.UNKNOWN
    assert registry.find("shop") is Absence.UNKNOWN
    assert registry.find("late.good") is Absence.NOT_LISTED_YET
    assert [tool.name for tool in registry.tools()] == ["shop.good"]


def test_a_tool_that_a_server_no_longer_lists_is_gone(registry: ToolRegistry) -> None:
    registry.replace("shop", [GOOD])
    registry.replace("shop", [])
    assert registry.find("shop.good") is Absence.UNKNOWN


@pytest.mark.parametrize(
    "broken",
    [
        ListedTool("bad", "", {"type": 5}),
        ListedTool("bad", "", {"type": "object", "properties": {"a": {"maximum": 10**400}}}),
        ListedTool("bad", "", {"properties": {"a": {"pattern": "("}}}),
        ListedTool("bad", "", {"$ref": "#/nowhere"}),
        ListedTool("bad", "", {"$ref": "http://127.0.0.1:1/schema"}),
        ListedTool("bad", "x" * 300_000, {"type": "object"}),
        ListedTool("bad name", "", {"type": "object"}),
        ListedTool("bad.name", "", {"type": "object"}),
    ],
)
def test_a_tool_of_no_use_does_not_take_the_others_with_it(registry: ToolRegistry, broken: ListedTool) -> None:
    assert [tool.local_name for tool in registry.replace("shop", [broken, GOOD])] == ["good"]


def test_a_schema_cannot_make_the_runner_read_a_file(registry: ToolRegistry, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps({"type": "object"}))
    reading = ListedTool("bad", "", {"$ref": (tmp_path / "schema.json").as_uri()})
    assert registry.replace("shop", [reading]) == []


def test_arguments_are_refused_with_place_and_rule_and_without_their_values(registry: ToolRegistry) -> None:
    registry.replace("shop", [GOOD])
    good = registry.find("shop.good")
    assert isinstance(good, RegisteredTool)
    assert good.refusal_of({"count": 3}) is None
    refusal = good.refusal_of({"count": "s3cret"})
    assert refusal is not None
    assert refusal.detail == 'shop.good: count: [value] is not of type "integer"'


async def test_of_a_thousand_tools_that_are_listed_again_only_the_changed_one_is_made_anew() -> None:
    registry = ToolRegistry({"big": ServerRules("big")})
    listed = [ListedTool(f"t{number}", "", {"type": "object"}) for number in range(1_000)]
    await registry.prepare("big", listed)
    registry.replace("big", listed)
    before = [registry.find(f"big.{tool.name}") for tool in listed]
    registry.replace("big", [replace(listed[0], description="changed"), *listed[1:-1]])
    after = [registry.find(f"big.{tool.name}") for tool in listed]
    assert [new is old for old, new in zip(before, after, strict=True)] == [False] + [True] * 998 + [False]
    assert after[0].tool.description == "changed"  # type: ignore[union-attr]
    assert after[-1] is Absence.UNKNOWN


def test_the_patterns_of_one_server_hold_bounded_memory(
    registry: ToolRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tool_runner.adapters.tool_registry.PATTERN_BYTES_MAX", 25_000_000)
    large = [
        ListedTool(f"large{n}", "", {"properties": {"a": {"pattern": f"^\\p{{L}}{{0,99}}{n}$"}}}) for n in range(4)
    ]
    for _ in range(2):  # What was let go is not counted again.
        offered = registry.replace("shop", [*large, GOOD])
        assert [tool.local_name for tool in offered] == ["large0", "large1", "good"]
    assert len(registry.replace("shop", [large[3]])) == 0, "what has been refused is made anew when it changes"
    assert len(registry.replace("shop", [replace(large[3], description="another")])) == 1
