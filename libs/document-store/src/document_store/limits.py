"""Which names, bodies and sizes can every adapter store and find in the same way?"""

import math
import re
from collections.abc import Mapping, Sequence

import orjson

from document_store.errors import InvalidDocument, InvalidQuery
from document_store.protocol import DOCUMENT_ID, Body, Condition, OneOf, Sort, Write

# 1 MiB of JSON stays below MongoDB's 16 MiB of BSON in the worst case (arrays of one-digit numbers grow sevenfold).
DOCUMENT_BYTES_MAX = 1024 * 1024
NESTING_MAX = 60  # MongoDB refuses 100 levels
ID_BYTES_MAX = 512
PAGE_DOCUMENTS_MAX = 1_000
BATCH_WRITES_MAX = 1_000
ONE_OF_MAX = 500
CONDITIONS_MAX = 16
INDEX_FIELDS_MAX = 6
COUNT_MAX = 100_000
CURSOR_CHARACTERS_MAX = 8_192
INTEGER_MAX = 2**63 - 1
INCREMENT_MAX = 2**53

_COLLECTION = re.compile(r"[a-z][a-z0-9_]{0,47}")
_FIELD = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}")


def check_collection(name: str) -> None:
    if not _COLLECTION.fullmatch(name):
        raise InvalidQuery(f"collection {name!r}: must match {_COLLECTION.pattern}")


def check_document_id(document_id: str) -> None:
    size = len(document_id.encode("utf-8", "replace"))
    if not 1 <= size <= ID_BYTES_MAX or "\0" in document_id or not _encodable(document_id):
        raise InvalidQuery(f"document id {document_id[:80]!r}: 1 to {ID_BYTES_MAX} bytes of UTF-8 without NUL")


def check_field(field: str) -> None:
    if not _FIELD.fullmatch(field):
        raise InvalidQuery(f"field {field[:80]!r}: must match {_FIELD.pattern}")


def check_index_fields(fields: Sequence[str]) -> None:
    if not 1 <= len(fields) <= INDEX_FIELDS_MAX or len(set(fields)) != len(fields):
        raise InvalidQuery(f"index on {fields!r}: 1 to {INDEX_FIELDS_MAX} different fields")
    for field in fields:
        check_field(field)
        if field == DOCUMENT_ID:
            raise InvalidQuery(f"index on {DOCUMENT_ID!r}: the id is always indexed and unique")


def check_range(name: str, value: int, *, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidQuery(f"{name} {value}: must be {low} to {high}")


def check_conditions(where: Sequence[Condition], sort: Sequence[Sort]) -> None:
    check_range("number of conditions and sort keys", len(where) + len(sort), low=0, high=CONDITIONS_MAX)
    for condition in where:
        if isinstance(condition, OneOf):
            check_range(f"values of {condition.field}", len(condition.values), low=0, high=ONE_OF_MAX)


def check_batch(writes: Sequence[Write]) -> None:
    check_range("writes in a batch", len(writes), low=0, high=BATCH_WRITES_MAX)
    ids = [write.document_id for write in writes]
    if len(set(ids)) != len(ids):
        raise InvalidQuery("a batch writes each document once, at most")


def encode_body(document_id: str, body: Body) -> str:
    """The body as JSON text; raises `InvalidDocument` if an adapter could not give it back unchanged."""
    _check_value(body, path=document_id, depth=0)
    try:
        text = orjson.dumps(body)
    except TypeError as error:  # What its kind of error says of the values is checked above; left is a text.
        raise InvalidDocument(f"{document_id}: a text is not valid Unicode") from error
    if len(text) > DOCUMENT_BYTES_MAX:
        raise InvalidDocument(f"{document_id}: {len(text)} bytes, the limit is {DOCUMENT_BYTES_MAX}")
    return text.decode()


def _check_value(value: object, *, path: str, depth: int) -> None:
    if depth > NESTING_MAX:
        raise InvalidDocument(f"{path[:200]}: nested deeper than {NESTING_MAX}")
    match value:
        case None | bool() | str():
            return
        case int() | float():
            _check_number(value, path=path)
        case Mapping():
            _check_object(value, path=path, depth=depth)
        case list() | tuple():
            for position, member in enumerate(value):
                _check_value(member, path=f"{path}[{position}]", depth=depth + 1)
        case _:
            raise InvalidDocument(f"{path}: {type(value).__name__} is not a type of JSON")


def _check_number(value: int | float, *, path: str) -> None:
    if isinstance(value, int) and not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise InvalidDocument(f"{path}: the integer has more than 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidDocument(f"{path}: {value} is not a number of JSON")


def _check_object(value: Mapping[object, object], *, path: str, depth: int) -> None:
    for key, member in value.items():
        if not isinstance(key, str) or "\0" in key:
            raise InvalidDocument(f"{path}: key {key!r} must be a text without NUL")
        _check_value(member, path=f"{path}.{key}", depth=depth + 1)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
