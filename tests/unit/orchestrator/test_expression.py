"""Do conditions and templates say what their authors mean, and never raise over any values?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.expression import (
    BadExpression,
    check_condition,
    compile_expression,
    evaluate,
    evaluate_condition,
    holds,
)
from orchestrator.domain.workflow import Condition, JsonValue

NAMES: dict[str, JsonValue] = {
    "output": {"intent": "return", "confidence": 0.8, "tags": ["a", "b"], "nested": {"deep": [10, 20]}},
    "turn": {"text": "hello"},
    "count": 3,
    "huge": 2**63,
    "long": "x" * 40_000,
    "nothing": None,
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def value_of(text: str) -> JsonValue:
    return evaluate(compile_expression(text), NAMES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("output['confidence'] >= 0.7", True),
        ("output['confidence'] > 0.8", False),
        ("output['intent'] == 'return'", True),
        ("output['intent'] != 'return'", False),
        ("1 < 2 <= 2", True),
        ("3 < 2 < 1", False),
        ("'a' < 'b'", True),
        ("'b' <= 'a'", False),
        ("'a' in output['tags']", True),
        ("'z' not in output['tags']", True),
        ("'ell' in turn['text']", True),
        ("'intent' in output", True),
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("7 // 2 + 7 % 2", 4),
        ("-count", -3),
        ("+count", 3),
        ("not count", False),
        ("'a' + 'b'", "ab"),
        ("count == 3 and turn['text']", "hello"),
        ("count == 4 and turn['text']", False),
        ("missing or 'default'", "default"),
        ("turn or 'default'", {"text": "hello"}),
        ("'yes' if count > 2 else 'no'", "yes"),
        ("'yes' if count > 5 else 'no'", "no"),
        ("output['nested']['deep'][-1]", 20),
        ("output['nested']['deep'][7]", None),
        ("output['absent']['deeper'][0]", None),
        ("[count, (1, 'x'), {'k': null}]", [3, [1, "x"], {"k": None}]),
        ("true and not false", True),
        ("True and not None", True),
        ("missing == null", True),
        ("  count  ", 3),
    ],
)
def test_an_expression_has_the_value_that_its_author_expects(text: str, value: JsonValue) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "1 < 'a'",
        "missing > 1",
        "[1] < [2]",
        "true + 1",
        "'a' * 3",
        "'%s' % 'a'",
        "[1] + [2]",
        "-'a'",
        "1 / 0",
        "1 % 0",
        "huge + 1",
        f"{2**62} * 4",
        "1e308 * 10",
        "long + long",
        "1 in 'abc'",
        "1 in 5",
        "[1] in {'a': 1}",
        "turn['text'][0]",
        "output['tags']['a']",
    ],
)
def test_a_type_error_makes_the_value_nothing(text: str) -> None:
    assert value_of(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("output.intent", "attribute access"),
        ("len(output)", "calls"),
        ("2 ** 9", "powers"),
        ("[x for x in output]", "ListComp"),
        ("lambda: 1", "functions"),
        ("output[1:2]", "subscript"),
        ("output[count]", "subscript"),
        ("output[1.5]", "subscript"),
        ("output[true]", "subscript"),
        ("output[True]", "subscript"),
        ("{count: 1}", "keys"),
        ("{**output}", "keys"),
        ("{1: 1}", "keys"),
        ("count is None", "use =="),
        ("count is not None", "use !="),
        ("f'{count}'", "formatted"),
        ("(count := 1)", "NamedExpr"),
        ("b'bytes'", "constant"),
        ("1j", "constant"),
        ("...", "constant"),
        ("1e999", "constant"),
        (str(2**63), "constant"),
        ("1 &", "not an expression"),
        ("import os", "not an expression"),
        ("", "not an expression"),
        ("a\0b", "not an expression"),
        ("'\ud800'", "no proper characters"),
        ("'\\d'", "not an expression"),
        ("1" * 501, "501 characters"),
        ("not " * 40 + "x", "32 levels"),
        ("(" * 240 + ")" * 240, "not an expression"),
        ("a @ b", "MatMult"),
        ("~count", "Invert"),
        ("[*output]", "Starred"),
    ],
)
def test_what_is_not_in_the_subset_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(BadExpression, match=why):
        compile_expression(text)


def test_an_expression_knows_the_names_that_it_reads() -> None:
    assert compile_expression("turn['text'] == 'x' or true and count").names == {"turn", "count"}


def test_values_nested_too_deeply_to_compare_are_no_error() -> None:
    deep: JsonValue = 1
    for _ in range(100_000):
        deep = [deep]
    other: JsonValue = 1
    for _ in range(100_000):
        other = [other]
    assert evaluate(compile_expression("a == b"), {"a": deep, "b": other}) is None


@given(
    st.sampled_from(["a < b", "a + b", "a in b", "a[0]", "a['k'] == b", "-a", "not a", "a % b", "a * b", "[a, b]"]),
    JSON,
    JSON,
)
def test_no_values_make_an_expression_raise(text: str, a: JsonValue, b: JsonValue) -> None:
    evaluate(compile_expression(text), {"a": a, "b": b})


@given(st.text(alphabet="ab01+-*/%()[]{}'\"<>=!. ,:&|@`?\\nintord", max_size=40))
def test_any_text_is_compiled_or_refused(text: str) -> None:
    for language in ("expression", "jmespath"):
        try:
            condition = Condition(language, text)  # type: ignore[arg-type]
            check_condition(condition)
            evaluate_condition(condition, NAMES)
        except BadExpression:
            continue


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("output.confidence >= `0.7`", True),
        ("output.nested.deep[0]", 10),
        ("missing.field", None),
        ("sort_by(output.tags, &@)", ["a", "b"]),
        ("output.{i: intent}", {"i": "return"}),
        ("length(count)", None),
        ("to_number('nan')", None),
        ("join(', ', output.tags)", "a, b"),
    ],
)
def test_a_query_finds_its_value_or_nothing(text: str, value: JsonValue) -> None:
    assert evaluate_condition(Condition("jmespath", text), NAMES) == value


def test_a_condition_is_evaluated_in_its_language() -> None:
    assert evaluate_condition(Condition("expression", "output['confidence'] > 0.5"), NAMES) is True


@pytest.mark.parametrize("text", ["missing", "output.absent", "`0`", "`[]`", "''", "count > `5`"])
def test_what_is_empty_missing_or_zero_does_not_hold(text: str) -> None:
    assert not holds(Condition("jmespath", text), NAMES)


def test_what_has_a_value_holds() -> None:
    assert holds(Condition("jmespath", "output.intent"), NAMES)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("output..intent", "not a JMESPath query"),
        ("output.intent == `return`", "deprecated string literal"),
        ("", "not a JMESPath query"),
        ("lower(output)", "no function `lower`"),
        ("length()", "takes 1 arguments, not 0"),
        ("length(a, b)", "takes 1 arguments, not 2"),
        ("&output", "belongs only"),
        ("to_array(&output)", "belongs only"),
        ("a" * 2_001, "2001 characters"),
        (" | ".join(["[@, @]"] * 30), "more than 1000 times"),
        ("map(&[@, @, @, @, @], a)" + " | map(&[@, @, @, @, @], @)" * 5, "more than 1000 times"),
        ("[" * 1_900, "not a JMESPath query"),
    ],
)
def test_a_bad_query_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(BadExpression, match=why):
        check_condition(Condition("jmespath", text))


def test_a_variadic_function_takes_any_number_of_arguments() -> None:
    assert evaluate_condition(Condition("jmespath", "not_null(missing, nothing, count)"), NAMES) == 3


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("output.intent == 'x' && turn.text", {"output", "turn"}),
        ("orders[?status == 'open'].id | [0]", {"orders"}),
        ("a[0].b || c.*.d || e[].f", {"a", "c", "e"}),
        ("{x: a, y: [b, c]}", {"a", "b", "c"}),
        ("sort_by(rows, &age)[0].name", {"rows"}),
        ("`1`", set()),
    ],
)
def test_a_query_knows_the_names_that_it_reads(text: str, names: set[str]) -> None:
    assert check_condition(Condition("jmespath", text)) == names


def test_a_negated_path_without_parentheses_is_refused_because_it_is_always_null() -> None:
    with pytest.raises(BadExpression, match=r"write `!\(a\.b\)`"):
        check_condition(Condition("jmespath", "a && !output.eligible"))


def test_a_negated_path_in_parentheses_holds_when_the_path_does_not() -> None:
    assert holds(Condition("jmespath", "!(output.eligible)"), {"output": {"eligible": False}})
