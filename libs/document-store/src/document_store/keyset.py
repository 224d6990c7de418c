"""Where does the next page begin, and how does a caller carry that place about?"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from document_store.errors import InvalidQuery
from document_store.limits import CURSOR_CHARACTERS_MAX
from document_store.protocol import DOCUMENT_ID, Body, Condition, Direction, Document, Page, Scalar, Sort

Position: TypeAlias = tuple[Scalar | None, ...]
"""The values of all sort keys, the id last, of the last document that was given out."""


@dataclass(frozen=True, slots=True)
class Query:
    """One find as adapters see it: complete sort keys (the id last) and the decoded place to go on from."""

    where: tuple[Condition, ...]
    keys: tuple[Sort, ...]
    limit: int
    after: Position | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Step:
    """Documents that equal the position in `equal` and lie behind it in `key`."""

    equal: tuple[tuple[Sort, Scalar | None], ...]
    key: Sort
    value: Scalar | None


def plan_query(
    collection: str, where: Sequence[Condition], *, sort: Sequence[Sort], limit: int, cursor: str | None
) -> Query:
    keys = complete_keys(sort)
    described = f"{collection}|{where!r}|{keys!r}".encode()
    fingerprint = hashlib.sha256(described).hexdigest()[:12]
    after = None if cursor is None else decode_cursor(cursor, fingerprint=fingerprint, keys=keys)
    return Query(tuple(where), keys, limit, after, fingerprint)


def complete_keys(sort: Sequence[Sort]) -> tuple[Sort, ...]:
    """The id as the last key makes the order total, so that a page can begin anywhere."""
    if any(key.field == DOCUMENT_ID for key in sort[:-1]):
        raise InvalidQuery(f"sort by {DOCUMENT_ID!r}: nothing can follow the id")
    if sort and sort[-1].field == DOCUMENT_ID:
        return tuple(sort)
    return (*sort, Sort(DOCUMENT_ID, sort[-1].direction if sort else Direction.ASCENDING))


def steps_behind(keys: Sequence[Sort], position: Position) -> list[Step]:
    """The alternatives that together are "behind this position" in the order of the keys."""
    pairs = tuple(zip(keys, position, strict=True))
    steps = [Step(pairs[:place], key, value) for place, (key, value) in enumerate(pairs)]
    # Going down, nothing lies behind null: such a step is empty.
    return [step for step in steps if step.value is not None or step.key.direction is Direction.ASCENDING]


def page_of(documents: list[Document], query: Query) -> Page:
    """The page from up to `limit` + 1 documents; the one too many says that more follow."""
    if len(documents) <= query.limit:
        return Page(documents, None)
    kept = documents[: query.limit]
    return Page(kept, _encode_cursor(kept[-1], query))


def _encode_cursor(document: Document, query: Query) -> str:
    position = [document.id if key.field == DOCUMENT_ID else value_at(document.body, key.field) for key in query.keys]
    text = json.dumps([query.fingerprint, position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *, fingerprint: str, keys: Sequence[Sort]) -> Position:
    """A cursor may come from a stranger's URL: anything but our own form is refused."""
    if len(cursor) > CURSOR_CHARACTERS_MAX:
        raise InvalidQuery(f"cursor of {len(cursor)} characters, the limit is {CURSOR_CHARACTERS_MAX}")
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        decoded = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise InvalidQuery("the cursor cannot be read") from error
    match decoded:
        case [str(found), [*position]] if found == fingerprint and len(position) == len(keys):
            if isinstance(position[-1], str) and all(_is_scalar(value) for value in position):
                return tuple(position)
    raise InvalidQuery("the cursor is not one of this query")


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def value_at(body: Body, field: str) -> object:
    """The value under a dotted path, None where there is none; an array on the way is the value itself."""
    value: object = body
    for name in field.split("."):
        if isinstance(value, list | tuple):
            return value
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
