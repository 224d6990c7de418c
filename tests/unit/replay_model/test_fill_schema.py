"""Is the echo valid against the schema that was asked for?"""

import json

import jsonschema_rs
import pytest

from hil.replay_model.fill_schema import fill, in_format

SCHEMAS = [
    {"type": "string"},
    {"type": "string", "minLength": 40, "maxLength": 50},
    {"type": "object", "required": ["intent"], "properties": {"intent": {"enum": ["refund", "other"]}}},
    {"type": "object", "properties": {"confidence": {"type": "number", "minimum": 0, "maximum": 1}}},
    {"type": "object", "properties": {"urgent": {"type": "boolean"}, "note": {"type": ["null", "string"]}}},
    {"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 5}},
    {"type": "object", "properties": {"when": {"type": "string", "format": "date-time"}, "fixed": {"const": 3}}},
    {
        "$defs": {"a": {"type": "object", "properties": {"x": {"type": "null"}}}},
        "properties": {"a": {"$ref": "#/$defs/a"}},
    },
    {"anyOf": [{"type": "integer", "maximum": -2}, {"type": "null"}]},
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_is_filled_in_is_valid(schema: dict[str, object]) -> None:
    jsonschema_rs.validate(schema, fill(schema, "where is my order?"))  # type: ignore[arg-type]


def test_enums_take_their_first_value_numbers_are_high_and_strings_say_what_was_said() -> None:
    schema = {
        "type": "object",
        "properties": {
            "intent": {"enum": ["refund", "x"]},
            "confidence": {"type": "number"},
            "reply": {"type": "string"},
        },
    }
    assert json.loads(in_format(schema, "hi")) == {"intent": "refund", "confidence": 0.9, "reply": "hi"}  # type: ignore[arg-type]


def test_a_schema_that_contains_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert fill(node, "x") is not None  # type: ignore[arg-type]


def test_without_a_schema_the_text_is_the_answer() -> None:
    assert in_format(None, "hi") == "hi"
