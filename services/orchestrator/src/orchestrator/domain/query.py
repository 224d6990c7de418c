"""What does a JMESPath query find, and which names does it read?"""

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import jmespath
from jmespath.functions import Functions
from jmespath.parser import ParsedResult

from orchestrator.domain.safe_expression import BadExpression, Names
from orchestrator.domain.workflow import JsonValue

CHARACTERS_MAX: Final = 2_000
QUERIES_KEPT: Final = 4_096
GROWTH_MAX: Final = 1_000

Tree = Mapping[str, object]

_RAISED_BY_QUERIES: Final = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)
_LAZY_ARGUMENTS: Final = frozenset({"map", "sort_by", "min_by", "max_by"})
# The first child of these is read from the same value as the whole; the others from what the first one found.
_STEPS: Final = frozenset(
    {"subexpression", "index_expression", "pipe", "projection", "value_projection", "filter_projection"}
)


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled query; `names` are the top-level names that it reads."""

    compiled: ParsedResult
    names: frozenset[str]


@lru_cache(maxsize=QUERIES_KEPT)
def compile_query(text: str) -> Query:
    """Compile `text` (at most 2,000 characters) and check the functions that it calls; raises BadExpression."""
    if len(text) > CHARACTERS_MAX:
        raise BadExpression(f"the query has {len(text)} characters, at most {CHARACTERS_MAX} are allowed")
    try:
        compiled = _compile(text)
        tree: Tree = compiled.parsed
        _check_calls({"type": "whole", "children": [tree]})
        _check_growth(tree)
        _check_negations(tree)
        return Query(compiled, frozenset(_names(tree)))
    except BadExpression:
        raise
    except Warning as warning:
        raise BadExpression(f"not a JMESPath query: {warning}") from warning
    except _RAISED_BY_QUERIES as error:
        detail = str(error).split(", for expression")[0] or type(error).__name__
        raise BadExpression(f"not a JMESPath query: {detail:.160}") from error


def search(query: Query, scope: Names) -> JsonValue:
    """What the query finds in `scope`; None when it finds nothing or fails, for instance in a function."""
    try:
        found: JsonValue = query.compiled.search(scope)
    except _RAISED_BY_QUERIES:
        return None
    return None if isinstance(found, float) and not math.isfinite(found) else found


def _compile(text: str) -> ParsedResult:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a text in backticks without quotes is the author's mistake, not a log line
        return jmespath.compile(text)


def _children(tree: Tree) -> tuple[Tree, ...]:
    children = tree["children"]
    assert isinstance(children, list)
    return tuple(children)


def _check_calls(tree: Tree) -> None:
    called = tree.get("value") if tree["type"] == "function_expression" else None
    if called is not None:
        _check_call(str(called), len(_children(tree)))
    for child in _children(tree):
        if child["type"] == "expref" and called not in _LAZY_ARGUMENTS:
            raise BadExpression(f"`&` belongs only in the arguments of {', '.join(sorted(_LAZY_ARGUMENTS))}")
        _check_calls(child)


def _check_call(name: str, count: int) -> None:
    if name not in Functions.FUNCTION_TABLE:
        raise BadExpression(f"JMESPath has no function `{name}`; it has {', '.join(sorted(Functions.FUNCTION_TABLE))}")
    signature = Functions.FUNCTION_TABLE[name]["signature"]
    is_open = bool(signature) and bool(signature[-1].get("variadic"))
    if count < len(signature) or (count > len(signature) and not is_open):
        raise BadExpression(f"`{name}` takes {len(signature)} arguments, not {count}")


def _check_growth(tree: Tree) -> None:
    if _growth(tree) > GROWTH_MAX:
        raise BadExpression(f"the query could repeat what it reads more than {GROWTH_MAX} times over")


def _check_negations(tree: Tree) -> None:
    """JMESPath reads `!a.b` as `(!a).b`, which is null whatever a and b are."""
    children = _children(tree)
    if tree["type"] == "subexpression" and children[0]["type"] == "not_expression":
        raise BadExpression("`!a.b` is read as `(!a).b`, which is always null; write `!(a.b)`")
    for child in children:
        _check_negations(child)


def _growth(tree: Tree) -> int:
    """How often the found value may hold what the query reads: [@, @] | [@, @] holds it four times, and thirty in
    a row would fill the memory as soon as the value is written out."""
    grown = [_growth(child) for child in _children(tree)]
    if tree["type"] in _STEPS or tree["type"] == "function_expression":
        return math.prod(grown)
    return max(1, sum(grown))


def _names(tree: Tree) -> Iterator[str]:
    kind = tree["type"]
    if kind == "field":
        yield str(tree["value"])
    elif kind != "expref":
        children = _children(tree)
        for child in children[:1] if kind in _STEPS else children:
            yield from _names(child)
