"""What does a condition in the safe expression subset say (SPEC O1)?

A subset of Python's expressions: names, constants, comparisons, `in`, and / or / not, arithmetic on numbers, subscripts
by a constant, `a if c else b`, list, tuple and dict literals. No attributes, calls, loops, powers or imports. `true`,
`false` and `null` may be written as in JSON."""

import ast
import math
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from orchestrator.domain.workflow import JsonValue

CHARACTERS_MAX: Final = 500
DEPTH_MAX: Final = 32
INTEGER_MAX: Final = 2**63 - 1
TEXT_MAX: Final = 65_536

Names: TypeAlias = Mapping[str, JsonValue]

JSON_CONSTANTS: Final[Names] = {"true": True, "false": False, "null": None}
_ALLOWED: Final = (
    *(ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.IfExp),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn),
    *(ast.Name, ast.Load, ast.Constant, ast.Subscript, ast.List, ast.Tuple, ast.Dict),
)
_REFUSED: Final[Mapping[type[ast.AST], str]] = {
    ast.Attribute: "attribute access is not allowed; write output['field'] instead of output.field",
    ast.Call: "calls are not allowed",
    ast.Pow: "powers are not allowed",
    ast.Slice: "slices are not allowed",
    ast.Is: "`is` is not allowed; use ==",
    ast.IsNot: "`is not` is not allowed; use !=",
    ast.Lambda: "functions are not allowed",
    ast.JoinedStr: "formatted strings are not allowed",
}
# Which signs of left minus right satisfy the comparison.
_ORDERINGS: Final[Mapping[type[ast.cmpop], frozenset[int]]] = {
    ast.Lt: frozenset({-1}),
    ast.LtE: frozenset({-1, 0}),
    ast.Gt: frozenset({1}),
    ast.GtE: frozenset({0, 1}),
}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class BadExpression(ValueError):
    """A text that is not in the language; its message is one line for the author."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression; `names` are the top-level names that it reads."""

    text: str
    tree: ast.expr
    names: frozenset[str]


def compile_expression(text: str) -> Expression:
    """Check `text` (at most 500 characters, 32 levels) without evaluating it; raises BadExpression."""
    if len(text) > CHARACTERS_MAX:
        raise BadExpression(f"the expression has {len(text)} characters, at most {CHARACTERS_MAX} are allowed")
    tree = _parse(text.strip())
    for node in _nodes(tree, 1):
        _check(node)
    names = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return Expression(text, tree, names - JSON_CONSTANTS.keys())


def evaluate(expression: Expression, names: Names) -> JsonValue:
    """The value over `names`; never raises.

    A missing name, key or index is None in its place (so `x == null or ...` works); a type error (`1 < 'a'`, arithmetic
    on anything but numbers, `+` on two texts excepted), a division by zero or a number out of range (64 bits, finite)
    makes the whole value None."""
    try:
        return _value(expression.tree, names)
    except (TypeError, ArithmeticError, RecursionError):
        return None


def _parse(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a doubtful escape or literal is the author's mistake, not a log line
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise BadExpression(f"not an expression: {error.msg}") from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise BadExpression("not an expression: it holds no proper characters or is nested too deeply") from error


def _nodes(node: ast.AST, depth: int) -> Iterator[ast.AST]:
    if depth > DEPTH_MAX:
        raise BadExpression(f"the expression is nested more than {DEPTH_MAX} levels deep")
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _nodes(child, depth + 1)


def _check(node: ast.AST) -> None:
    if not isinstance(node, _ALLOWED):
        kind = type(node)
        raise BadExpression(_REFUSED.get(kind, f"`{kind.__name__}` is not part of the expression language"))
    if isinstance(node, ast.Constant) and not _is_json_constant(node.value):
        raise BadExpression(f"the constant {node.value!r:.40} is not a text, a 64-bit number, a truth value or null")
    if isinstance(node, ast.Subscript) and not isinstance(_key(node.slice), str | int):
        raise BadExpression("a subscript must be a constant text or whole number")
    if isinstance(node, ast.Dict) and not all(key and isinstance(_key(key), str) for key in node.keys):
        raise BadExpression("the keys of a dict literal must be constant texts")


def _is_json_constant(value: object) -> bool:
    if isinstance(value, int | float):
        return -INTEGER_MAX <= value <= INTEGER_MAX or (isinstance(value, float) and math.isfinite(value))
    return value is None or isinstance(value, str)


def _key(node: ast.expr) -> str | int | None:
    """The constant of a subscript or dict key; None when it is anything else."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as index)):
            return -index
        case ast.Constant(value=str() | int() as key) if not isinstance(key, bool):
            return key
        case _:
            return None


def _value(node: ast.expr, names: Names) -> JsonValue:
    match node:
        case ast.Name():
            return names.get(node.id, JSON_CONSTANTS.get(node.id))
        case ast.BoolOp():
            return _either(node, names)
        case ast.Compare():
            return _compare(node, names)
        case ast.BinOp():
            return _arithmetic(node, names)
        case ast.UnaryOp():
            return _unary(node, names)
        case _:
            return _composed(node, names)


def _composed(node: ast.expr, names: Names) -> JsonValue:
    match node:
        case ast.IfExp():
            return _value(node.body if _value(node.test, names) else node.orelse, names)
        case ast.Subscript():
            return _item(_value(node.value, names), _key(node.slice))
        case ast.List() | ast.Tuple():
            return [_value(element, names) for element in node.elts]
        case ast.Dict():
            return {
                str(_key(key)): _value(value, names) for key, value in zip(node.keys, node.values, strict=True) if key
            }
        case _:
            assert isinstance(node, ast.Constant)
            assert not isinstance(node.value, bytes | complex) and node.value is not ...
            return node.value


def _either(node: ast.BoolOp, names: Names) -> JsonValue:
    """Like Python: the first operand that settles it, evaluated no further."""
    settles = isinstance(node.op, ast.Or)
    for operand in node.values[:-1]:
        if bool(value := _value(operand, names)) is settles:
            return value
    return _value(node.values[-1], names)


def _compare(node: ast.Compare, names: Names) -> bool:
    left = _value(node.left, names)
    for symbol, operand in zip(node.ops, node.comparators, strict=True):
        right = _value(operand, names)
        if not _holds(symbol, left, right):
            return False
        left = right
    return True


def _holds(symbol: ast.cmpop, left: JsonValue, right: JsonValue) -> bool:
    match symbol:
        case ast.Eq():
            return left == right
        case ast.NotEq():
            return left != right
        case ast.In():
            return _contains(right, left)
        case ast.NotIn():
            return not _contains(right, left)
        case _:
            return _order(left, right) in _ORDERINGS[type(symbol)]


def _order(left: JsonValue, right: JsonValue) -> int:
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    first, second = _number(left), _number(right)
    return (first > second) - (first < second)


def _contains(container: JsonValue, value: JsonValue) -> bool:
    match container:
        case list():
            return value in container
        case str() | dict() if isinstance(value, str):
            return value in container
        case _:
            raise TypeError("`in` needs a list, or a text in a text or dict")


def _item(container: JsonValue, key: str | int | None) -> JsonValue:
    match container:
        case dict():
            return container.get(str(key))
        case list() if isinstance(key, int):
            return container[key] if -len(container) <= key < len(container) else None
        case None:
            return None
        case _:
            raise TypeError("only dicts, lists and null have items")


def _unary(node: ast.UnaryOp, names: Names) -> JsonValue:
    value = _value(node.operand, names)
    if isinstance(node.op, ast.Not):
        return not value
    return -_number(value) if isinstance(node.op, ast.USub) else _number(value)


def _arithmetic(node: ast.BinOp, names: Names) -> JsonValue:
    left, right = _value(node.left, names), _value(node.right, names)
    if isinstance(node.op, ast.Add) and isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > TEXT_MAX:
            raise OverflowError("the text grows too long")
        return left + right
    return _number(_ARITHMETIC[type(node.op)](_number(left), _number(right)))


def _number(value: JsonValue) -> int | float:
    """`value`, if it is a number that JSON readers agree on; truth values are not numbers here."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise OverflowError("more than 64 bits")
    if not math.isfinite(value):
        raise OverflowError("not finite")
    return value
