"""Which SQL finds the documents of a query, so that SQLite can serve it from an expression index?"""

from collections.abc import Sequence
from typing import TypeAlias

from document_store.keyset import Query, Step, steps_behind
from document_store.protocol import DOCUMENT_ID, Between, Condition, Direction, Equal, OneOf, Sort

Fragment: TypeAlias = tuple[str, list[object]]


def column(field: str) -> str:
    """Must be the same text in index and query. Names have been checked: no quote can be in them."""
    if field == DOCUMENT_ID:
        return "id"
    path = "".join(f'."{name}"' for name in field.split("."))
    return f"json_extract(body, '${path}')"


def count_some(table: str, where: Sequence[Condition], *, at_most: int) -> Fragment:
    """How many documents meet the conditions, counted where they are: no row comes out for each."""
    clause, values = _joined([_condition(condition) for condition in where], " AND ")
    return f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {clause} LIMIT ?)", [*values, at_most]


def select(table: str, query: Query) -> Fragment:
    parts = [_condition(condition) for condition in query.where]
    if query.after is not None:
        steps = steps_behind(query.keys, query.after)
        parts += _range_start(query.keys[0], query.after[0])
        parts.append(_joined([_behind(step) for step in steps], " OR "))
    clause, values = _joined(parts, " AND ")
    order = ", ".join(f"{column(key.field)} {key.direction.value}" for key in query.keys)
    sql = f"SELECT id, version, body FROM {table} WHERE {clause} ORDER BY {order} LIMIT ?"
    return sql, [*values, query.limit + 1]


def _condition(condition: Condition) -> Fragment:
    expression = column(condition.field)
    match condition:
        case Equal(value=None):
            return f"{expression} IS NULL", []
        case Equal(value=value):
            return f"{expression} = ?", [value]
        case OneOf(values=values):
            return f"{expression} IN ({', '.join('?' * len(values))})", list(values)
        case Between(at_least=at_least, below=below):
            bounds = [(">= ?", at_least), ("< ?", below)]
            given: list[Fragment] = [(f"{expression} {sign}", [value]) for sign, value in bounds if value is not None]
            return _joined([(f"{expression} IS NOT NULL", []), *given], " AND ")


def _range_start(key: Sort, value: object) -> list[Fragment]:
    """SQLite does not see through the OR of the steps; this bound tells it where in the index to start."""
    if value is None:
        return []
    if key.direction is Direction.ASCENDING:
        return [(f"{column(key.field)} >= ?", [value])]
    return [(f"{column(key.field)} <= ?", [value])] if key.field == DOCUMENT_ID else []


def _behind(step: Step) -> Fragment:
    equal = [_condition(Equal(key.field, value)) for key, value in step.equal]
    return _joined([*equal, _strictly_behind(step.key, step.value)], " AND ")


def _strictly_behind(key: Sort, value: object) -> Fragment:
    expression = column(key.field)
    if value is None:
        return f"{expression} IS NOT NULL", []
    if key.direction is Direction.ASCENDING:
        return f"{expression} > ?", [value]
    return f"({expression} < ? OR {expression} IS NULL)", [value]


def _joined(parts: Sequence[Fragment], word: str) -> Fragment:
    if not parts:
        return "1", []
    return f"({word.join(sql for sql, _ in parts)})", [value for _, values in parts for value in values]
