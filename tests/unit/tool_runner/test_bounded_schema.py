"""Can a stranger's schema, or a value for a harmless one, keep the runner busy without end?

There is no clock in these tests: what is not refused before would run for minutes to ages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tool_runner.adapters.bounded_schema import BoundedSchema, SchemaUnusable, bounded_schema
from tool_runner.domain.schema_work import size_of

Json = Any
EMAIL = r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$"
"""As a widely used library of schemas writes it: it looks ahead."""
BACKTRACKING = r"^(?!x)(a*)*\1c$"
REPEATED = {"allOf": [{"pattern": f"a.*b{number}$"} for number in range(20)]}


def doubled(word: str, times: int) -> dict[str, Json]:
    """Compares one value 2^times times."""
    steps = {f"d{step}": {word: [{"$ref": f"#/$defs/d{step + 1}"}] * 2} for step in range(times)}
    return {"$defs": {**steps, f"d{times}": {"type": "string"}}, "$ref": "#/$defs/d0"}


def nested(times: int) -> Json:
    value: Json = 1
    for _ in range(times):
        value = {"a": value}
    return value


def said(schema: BoundedSchema, value: Json) -> list[str]:
    return [one.message for one in schema.iter_errors(value)]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        *[(doubled(word, 30), "more than 20000 comparisons") for word in ("allOf", "anyOf", "oneOf")],
        ({"properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "required": ["z"]}, "comparisons of one"),
        ({"additionalProperties": {"$ref": "#"}, "patternProperties": {"a": {"$ref": "#"}}}, "comparisons of one"),
        ({"items": {"enum": list(range(30_000))}}, "comparisons of one"),
        ({"$ref": "#"}, "without end"),
        ({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "end"),
        ({"$dynamicAnchor": "n", "not": {"$dynamicRef": "#n"}}, "without end"),
        ({"properties": {str(number): {} for number in range(5_000)}}, "more than 5000 objects"),
        (nested(5_000), "ecursion limit"),
        ({"pattern": "(a{1000}){1000}"}, "is not a"),
        ({"pattern": "(a{1000}){100}"}, "is not a"),
        ({"properties": {str(n): {"pattern": str(n)} for n in range(51)}}, "51 patterns, over the limit of 50"),
        ({"patternProperties": {str(n): {} for n in range(51)}}, "51 patterns, over the limit of 50"),
        ({"patternProperties": {BACKTRACKING: {"type": "string"}}}, "needs backtracking"),
    ],
)
def test_schemas_that_can_take_ages_are_refused_before_any_value(schema: dict[str, Json], reason: str) -> None:
    with pytest.raises(SchemaUnusable, match=reason):
        bounded_schema(schema)


@pytest.mark.parametrize(
    ("schema", "value", "answer"),
    [
        (doubled("anyOf", 11), 1, "too large to say where"),
        (
            {"items": {"anyOf": [{"const": one} for one in range(200)]}},
            [-1] * 2_000,
            "too large to be checked: 2001 val",
        ),
        ({"items": {"anyOf": [{"const": one} for one in range(200)]}}, [-1] * 200, "too large to say where"),
        ({"items": {"pattern": BACKTRACKING}}, ["a" * 30] * 8_000, "too large to say where"),
        ({"items": {"not": {"pattern": BACKTRACKING}}}, ["a" * 30] * 10_000, "too large to be checked"),
        ({"pattern": BACKTRACKING}, "a" * 30, "backtracking"),
        (REPEATED, "a" * 10_000_000, "too large to be checked"),
        ({"maxLength": 10}, "a" * 10_000_000, "too large to say where"),
        ({"properties": {"a": {"$ref": "#"}}}, nested(5_000), "nested more than 64 deep"),
        ({"maximum": 10}, 10**4_000, "greater than the maximum"),
    ],
)
def test_values_are_checked_within_a_limit_or_refused(schema: dict[str, Json], value: Json, answer: str) -> None:
    problems = said(bounded_schema(schema), value)
    assert answer in problems[0]
    assert sum(map(len, problems)) < 10_000


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"items": {"pattern": EMAIL}}, ["some.body+tag@mail.example.co.uk"] * 2_000, ["a..b@example.com"]),
        ({"properties": {"left": {"$ref": "#"}, "n": {"type": "integer"}}}, {"left": {"n": 1}}, {"left": {"n": ""}}),
        (doubled("allOf", 8), "text", 1),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, {"type": "object"}, {"type": 5}),
        ({"items": {"$ref": "#/$defs/never"}, "$defs": {"never": False}}, [], [1]),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {"$id": "#a", "type": "null"}}}
            | {"items": [{"$ref": "#a"}], "additionalItems": False},
            [None],
            [1],
        ),
    ],
)
def test_ordinary_schemas_are_used_and_say_where(schema: dict[str, Json], good: Json, bad: Json) -> None:
    compiled = bounded_schema(schema)
    assert said(compiled, good) == []
    assert any(one.instance_path for one in compiled.iter_errors(bad)) or not isinstance(bad, dict | list)
    assert "too large" not in said(compiled, bad)[0]


LEAVES = st.sampled_from([{}, {"type": "string"}, {"enum": [1, 2, {"a": 1}]}, {"$ref": "#/$defs/x"}])
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).flatmap(
            lambda several: st.sampled_from([{word: several} for word in ("allOf", "anyOf", "oneOf")])
        ),
        st.builds(lambda a, b, c: {"properties": {"a": a, "b": b}, "additionalProperties": c}, inner, inner, inner),
        st.builds(lambda one, several: {"items": one, "not": several}, inner, inner),
    ),
    max_leaves=12,
)
VALUES = st.recursive(
    st.sampled_from([1, "x", None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


def comparisons(schema: dict[str, Json], value: Json, defined: dict[str, Json]) -> int:
    """A naive validator that leaves nothing out and only counts."""
    same = [one for word in ("allOf", "anyOf", "oneOf") for one in schema.get(word, ())]
    same += [schema["not"]] if "not" in schema else []
    same += [defined] if "$ref" in schema else []
    count = 1 + sum(comparisons(one, value, defined) for one in same)
    if isinstance(value, list) and "items" in schema:
        count += sum(comparisons(schema["items"], one, defined) for one in value)
    if isinstance(value, dict) and "properties" in schema:
        named, others = schema["properties"], schema["additionalProperties"]
        count += sum(comparisons(named.get(name, others), one, defined) for name, one in value.items())
    return count


@given(SCHEMAS, st.sampled_from([{}, {"items": {"type": "string"}, "not": {"const": 1}}]), VALUES)
def test_no_value_takes_more_comparisons_than_counted_before(
    schema: dict[str, Json], defined: dict[str, Json], value: Json
) -> None:
    size = size_of(value)
    assert size is not None
    work = bounded_schema({**schema, "$defs": {"x": defined}}).work
    assert comparisons(schema, value, defined) <= work * size
