"""Are the templates of prompts and arguments rendered as their authors mean?"""

import pytest

from orchestrator.domain.expression import BadExpression, check_template, render, render_value
from orchestrator.domain.workflow import JsonValue

NAMES: dict[str, JsonValue] = {
    "output": {"intent": "return", "tags": ["a", "b"], "nested": {"deep": [10, 20]}},
    "turn": {"text": "hello"},
    "count": 3,
}


def test_placeholders_are_replaced_by_what_they_find() -> None:
    template = "{{ turn.text }}, {{output.intent}}! {{ count }} of {{ output.tags }}{{ missing }}."
    assert render(template, NAMES) == 'hello, return! 3 of ["a", "b"].'


def test_a_template_that_is_one_placeholder_becomes_json_text() -> None:
    assert render("{{ output.nested }}", NAMES) == '{"deep": [10, 20]}'
    assert render("{{ `true` }}", NAMES) == "true"


def test_what_a_customer_writes_is_never_rendered() -> None:
    assert render("{{ turn.text }}", {"turn": {"text": "{{ secret }}"}, "secret": "s3cret"}) == "{{ secret }}"


def test_a_query_may_end_in_a_brace_of_its_own() -> None:
    assert render("{{ {n: count}}}", NAMES) == '{"n": 3}'


def test_an_argument_that_is_one_placeholder_keeps_its_type() -> None:
    arguments: JsonValue = {
        "ids": "{{ output.tags }}",
        "n": " {{ count }} ",
        "note": "n={{ count }}",
        "none": "{{ missing }}",
    }
    assert render_value(arguments, NAMES) == {"ids": ["a", "b"], "n": 3, "note": "n=3", "none": None}


def test_arguments_are_rendered_in_every_depth_but_not_in_keys() -> None:
    arguments: JsonValue = {"{{ count }}": [{"deep": ["{{ count }}", 5, None, True]}]}
    assert render_value(arguments, NAMES) == {"{{ count }}": [{"deep": [3, 5, None, True]}]}


def test_two_placeholders_side_by_side_are_a_text() -> None:
    assert render_value("{{ count }}{{ count }}", NAMES) == "33"


def test_a_template_knows_the_names_that_it_reads() -> None:
    assert check_template("{{ turn.text }} and {{ a.b || c }}, no more") == {"turn", "a", "c"}


@pytest.mark.parametrize(
    ("template", "why"), [("Hi {{ turn.text", "never closed"), ("{{ }}", "JMESPath"), ("{{ a. }}", "JMESPath")]
)
def test_a_bad_template_is_refused_with_a_reason(template: str, why: str) -> None:
    with pytest.raises(BadExpression, match=why):
        check_template(template)
