"""What do the conditions and templates of a workflow say over the values of an execution?"""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeAlias

from orchestrator.domain.query import QUERIES_KEPT, compile_query, search
from orchestrator.domain.safe_expression import (
    BadExpression,
    Expression,
    Names,
    compile_expression,
    evaluate,
)
from orchestrator.domain.workflow import Condition, JsonValue

__all__ = [
    "BadExpression",
    "Expression",
    "check_condition",
    "check_template",
    "compile_expression",
    "evaluate",
    "evaluate_condition",
    "holds",
    "names_in",
    "render",
    "render_value",
]

# The lookahead lets a query end in a closing brace of its own: {{ {a: b}}}.
_PLACEHOLDER: Final = re.compile(r"\{\{(.*?)\}\}(?!\})", re.DOTALL)

Shown: TypeAlias = Callable[[str, frozenset[str]], str]
"""How a text is shown that a placeholder found by reading these names."""


def _as_it_is(text: str, names: frozenset[str]) -> str:
    return text


_compiled_expression = lru_cache(maxsize=QUERIES_KEPT)(compile_expression)


def check_condition(condition: Condition) -> frozenset[str]:
    """The top-level names that the condition reads; raises BadExpression."""
    if condition.language == "jmespath":
        return compile_query(condition.text).names
    return compile_expression(condition.text).names


def check_template(template: str) -> frozenset[str]:
    """The top-level names that the template's placeholders read; raises BadExpression."""
    outside = _PLACEHOLDER.sub("", template)
    if "{{" in outside:
        raise BadExpression("a placeholder is opened with {{ and never closed with }}")
    return frozenset().union(*(compile_query(text).names for text in _placeholders(template)))


def names_in(value: JsonValue) -> frozenset[str]:
    """The top-level names that all templates in `value` read; raises BadExpression."""
    match value:
        case str():
            return check_template(value)
        case list():
            return frozenset().union(*map(names_in, value))
        case dict():
            return frozenset().union(*map(names_in, value.values()))
        case _:
            return frozenset()


def evaluate_condition(condition: Condition, scope: Names) -> JsonValue:
    """The condition's value over `scope`; None when what it reads is missing or of the wrong type.

    Raises BadExpression for a text that does not compile, which loading a workflow has ruled out."""
    if condition.language == "jmespath":
        return search(compile_query(condition.text), scope)
    return evaluate(_compiled_expression(condition.text), scope)


def holds(condition: Condition, scope: Names) -> bool:
    """Whether the condition's value is true: in both languages null, false, 0 and what is empty are not."""
    return bool(evaluate_condition(condition, scope))


def render(template: str, scope: Names, shown: Shown = _as_it_is) -> str:
    """`template` with each `{{ jmespath }}` replaced by what it finds: texts as they are, nothing for null or missing,
    anything else as JSON. What is put in is never rendered again."""
    return _PLACEHOLDER.sub(lambda match: _rendered(match[1], scope, shown), template)


def render_value(value: JsonValue, scope: Names) -> JsonValue:
    """`value` with every text in it rendered; a text that is exactly one placeholder becomes what it finds, type kept.
    Keys stay as they are."""
    match value:
        case str():
            whole = _PLACEHOLDER.match(value.strip())
            is_all = whole is not None and whole.end() == len(value.strip())
            return _find(whole[1], scope) if whole and is_all else render(value, scope)
        case list():
            return [render_value(element, scope) for element in value]
        case dict():
            return {key: render_value(element, scope) for key, element in value.items()}
        case _:
            return value


def _rendered(text: str, scope: Names, shown: Shown) -> str:
    found = _as_text(_find(text, scope))
    return shown(found, compile_query(text.strip()).names) if found else ""


def _placeholders(template: str) -> Iterator[str]:
    return (match[1].strip() for match in _PLACEHOLDER.finditer(template))


def _find(text: str, scope: Names) -> JsonValue:
    return search(compile_query(text.strip()), scope)


def _as_text(value: JsonValue) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
