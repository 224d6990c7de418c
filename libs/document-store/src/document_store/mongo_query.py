"""Which filter finds the documents of a query in MongoDB?"""

from collections.abc import Sequence
from typing import TypeAlias

from document_store.keyset import Query, Step, steps_behind
from document_store.protocol import DOCUMENT_ID, Between, Condition, Direction, Equal, OneOf, Scalar, Sort

Filter: TypeAlias = dict[str, object]


def path(field: str) -> str:
    return field if field == DOCUMENT_ID else f"body.{field}"


def filter_of(where: Sequence[Condition]) -> Filter:
    return {"$and": [_condition(condition) for condition in where]} if where else {}


def page_filter(query: Query) -> Filter:
    parts = [_condition(condition) for condition in query.where]
    if query.after is not None:
        parts.append({"$or": [_behind(step) for step in steps_behind(query.keys, query.after)]})
    return {"$and": parts} if parts else {}


def sort_of(query: Query) -> list[tuple[str, int]]:
    return [(path(key.field), 1 if key.direction is Direction.ASCENDING else -1) for key in query.keys]


def _condition(condition: Condition) -> Filter:
    name = path(condition.field)
    match condition:
        case Equal(value=value):
            return {name: {"$eq": value}}
        case OneOf(values=values):
            return {name: {"$in": list(values)}}
        case Between(at_least=at_least, below=below):
            bounds = {"$ne": None, "$gte": at_least, "$lt": below}
            return {name: {sign: bound for sign, bound in bounds.items() if sign == "$ne" or bound is not None}}


def _behind(step: Step) -> Filter:
    equal: list[Filter] = [{path(key.field): {"$eq": value}} for key, value in step.equal]
    return {"$and": [*equal, _strictly_behind(step.key, step.value)]}


def _strictly_behind(key: Sort, value: Scalar | None) -> Filter:
    name = path(key.field)
    if value is None:
        return {name: {"$ne": None}}
    if key.direction is Direction.ASCENDING:
        return {name: {"$gt": value}}
    return {"$or": [{name: {"$lt": value}}, {name: None}]}
