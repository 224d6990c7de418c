"""Is a condition of the manifest, a JMESPath expression, true of a call, or false of it?"""

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import jmespath
from jmespath.parser import ParsedResult
from jmespath.visitor import TreeInterpreter
from pydantic import JsonValue

if TYPE_CHECKING:
    from jmespath.visitor import _TreeNode

CONDITIONS_KEPT: Final = 4_096
"""Compiled conditions in memory; a manifest holds fewer."""
_RAISED: Final = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)

# Between true and false lies what a careless condition finds: null for a comparison with a missing value or with a
# text, or an error. Neither may open anything: grants ask for true, approvals are spared only by false. No `!` or
# filter around such a comparison makes a true or false of it; `||` and `&&` do where their other side decides alone.


class _NoAnswer(ValueError):
    """Something was compared that has no order."""


class _Strict(TreeInterpreter):
    def visit_comparator(self, node: "_TreeNode", value: object) -> bool:
        try:
            found: bool | None = super().visit_comparator(node, value)
        except TypeError:  # A text and a number.
            found = None
        if found is None:
            raise _NoAnswer
        return found

    def visit_or_expression(self, node: "_TreeNode", value: object) -> object:
        try:
            return super().visit_or_expression(node, value)
        except _NoAnswer:
            return self._decided_by_the_other(node, value, decides=True)

    def visit_and_expression(self, node: "_TreeNode", value: object) -> object:
        try:
            return super().visit_and_expression(node, value)
        except _NoAnswer:
            return self._decided_by_the_other(node, value, decides=False)

    def _decided_by_the_other(self, node: "_TreeNode", value: object, *, decides: bool) -> bool:
        """Where one side has no answer. Raises _NoAnswer if the other has none, too, or leaves it open."""
        for side in node["children"]:
            with suppress(_NoAnswer):
                found: object = self.visit(side, value)
                if found is decides:
                    return decides
        raise _NoAnswer


def is_true(condition: str, values: Mapping[str, JsonValue]) -> bool:
    """The expression is the truth value true, and nothing like it."""
    return _found(condition, values) is True


def is_false(condition: str, values: Mapping[str, JsonValue]) -> bool:
    """The expression is the truth value false, and nothing like it."""
    return _found(condition, values) is False


def _found(condition: str, values: Mapping[str, JsonValue]) -> object:
    try:
        found: object = _Strict().visit(_compiled(condition).parsed, values)
    except _RAISED:
        return None
    return found


@lru_cache(maxsize=CONDITIONS_KEPT)
def _compiled(condition: str) -> ParsedResult:
    return jmespath.compile(condition)
