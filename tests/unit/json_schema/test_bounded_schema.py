"""Can a stranger's schema, or a value for a harmless one, keep a service busy without end?

There is no clock in these tests: what is not refused before would run for minutes to ages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.costly_schemas import doubled

from json_schema import BoundedSchema, SchemaUnusable, bounded_schema
from json_schema.schema_work import size_of

Json = Any
EMAIL = r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$"
"""As a widely used library of schemas writes it: it looks ahead."""
BACKTRACKING = r"^(?!x)(a*)*\1c$"
REPEATED = {"allOf": [{"pattern": f"a.*b{number}$"} for number in range(20)]}


def nested(times: int) -> Json:
    value: Json = 1
    for _ in range(times):
        value = {"a": value}
    return value


def chained(times: int) -> dict[str, Json]:
    """A ring of schemas, each of a property of the one before."""
    steps = {f"d{n}": {"properties": {"a": {"$ref": f"#/$defs/d{(n + 1) % times}"}}} for n in range(times)}
    return {"$defs": steps, "$ref": "#/$defs/d0"}


def every_anchor(times: int) -> dict[str, Json]:
    """Many references that may each lead to any of many schemas."""
    references = [{"$dynamicRef": "#n"} for _ in range(times)]
    anchors = {str(number): {"$id": f"https://shop.example/{number}", "$dynamicAnchor": "n"} for number in range(times)}
    return {"$dynamicAnchor": "n", "$defs": anchors, "items": {"anyOf": references}}


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
        ({"properties": {str(n): {"pattern": f"^.{{1,4000}}{n}$"} for n in range(100)}}, "may have 100000 bytes"),
        ({"allOf": [{"pattern": str(n)} for n in range(501)]}, "501 patterns, at most 500"),
        (chained(1_600), "takes more than 150000 steps"),
        (every_anchor(200), "in more than 20000 ways"),
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
        ({"items": {"pattern": "x"}}, ["\ud800"], "half of a surrogate pair"),
        ({"propertyNames": {"maxLength": 9}}, {"\ud800": 1}, "half of a surrogate pair"),
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


@pytest.mark.parametrize("values", [[1] * 50_000, dict.fromkeys(map(str, range(50_000)), 1)], ids=["list", "object"])
@pytest.mark.parametrize("word", ["enum", "properties", "x"])
def test_a_schema_of_too_many_values_is_refused_before_it_is_compiled(word: str, values: Json) -> None:
    """A megabyte of them took a second to be compiled, used or not. `nothing` shows that it is not: it is no type."""
    with pytest.raises(SchemaUnusable, match=r"it has more than 50000 values; make it smaller"):
        bounded_schema({"type": "nothing", word: values})


@pytest.mark.parametrize("schema", [{"pattern": "(" * 100_001}, {"patternProperties": {"(" * 100_001: {}}}])
def test_a_pattern_of_too_many_characters_is_refused_before_it_is_compiled(schema: Json) -> None:
    """One of 4 MB took 3 s to be found too large. Compiled, this one would be told to be no pattern."""
    with pytest.raises(SchemaUnusable, match="its patterns have 100001 characters, at most 100000; shorten them"):
        bounded_schema(schema)


def test_values_are_told_where_no_mask_is_wanted() -> None:
    assert said(bounded_schema({"type": "integer"}), "seven") == ['[value] is not of type "integer"']
    assert said(bounded_schema({"type": "integer"}, mask=None), "seven") == ['"seven" is not of type "integer"']


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


def test_what_patterns_may_hold_of_memory_is_known() -> None:
    patterns = {"": 0, r"^\d{4}-\d{2}-\d{2}$": 10_000, r"^[a-z]{1,999}$": 1_000_000, r"^\p{L}{0,99}$": 10_000_000}
    schemas = {pattern: bounded_schema({"pattern": pattern} if pattern else {}) for pattern in patterns}
    assert {pattern: schema.pattern_bytes for pattern, schema in schemas.items()} == patterns
