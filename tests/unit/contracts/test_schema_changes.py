"""Does the compatibility check see the changes that break readers, and let additions pass?"""

from typing import Any

import pytest
from pydantic import BaseModel, Field
from tests.support.schema_changes import breaking_changes


class Inner(BaseModel):
    word: str = ""


class Before(BaseModel):
    name: str = Field(max_length=10, json_schema_extra={"pii": True})
    count: int = 3
    kind: str = Field("a", json_schema_extra={"enum": ["a", "b"]})
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()


def changed(**properties: dict[str, Any]) -> dict[str, Any]:
    schema = Before.model_json_schema()
    for name, words in properties.items():
        schema["properties"][name] = schema["properties"].get(name, {}) | words
    return schema


def test_the_same_schema_breaks_nothing() -> None:
    assert breaking_changes(Before.model_json_schema(), changed()) == []


def test_a_new_optional_field_and_a_wider_limit_break_nothing() -> None:
    new = changed(added={"type": "string", "default": ""}, name={"maxLength": 20})
    assert breaking_changes(Before.model_json_schema(), new) == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"count": {"type": "string"}}, "body.count: changed type"),
        ({"count": {"default": 4}}, "body.count: changed its default"),
        ({"kind": {"enum": ["a"]}}, "body.kind: changed the values of a closed set"),
        ({"kind": {"enum": ["a", "b", "c"]}}, "body.kind: changed the values of a closed set"),
        ({"name": {"maxLength": 9}}, "body.name: maxLength was lowered"),
        ({"name": {"minLength": 1}}, "body.name: minLength was raised"),
        ({"name": {"pattern": "x"}}, "body.name: changed pattern"),
        ({"name": {"pii": False}}, "body.name: lost its pii mark"),
    ],
)
def test_a_changed_field_is_seen(words: dict[str, dict[str, Any]], problem: str) -> None:
    assert breaking_changes(Before.model_json_schema(), changed(**words)) == [problem]


def test_a_removed_field_is_seen_also_inside_others() -> None:
    new = changed()
    del new["properties"]["count"]
    new["$defs"]["Inner"]["properties"] = {}
    assert breaking_changes(Before.model_json_schema(), new) == [
        "body.count: was removed",
        "body.inner.word: was removed",
        "body.many.items.word: was removed",
    ]


def test_a_field_that_becomes_required_is_seen() -> None:
    new = changed()
    new["required"] = ["name", "count"]
    assert breaking_changes(Before.model_json_schema(), new) == ["body.count: is required now"]
