"""Is this call one that every adapter serves in the same way, given the indexes declared so far?"""

from collections.abc import Mapping, Sequence

from document_store import limits
from document_store.errors import InvalidDocument, InvalidQuery
from document_store.keyset import Query, plan_query, value_at
from document_store.protocol import DOCUMENT_ID, Body, Condition, Sort, Write


class Checks:
    """Knows what this process has declared; the store itself keeps the indexes."""

    def __init__(self) -> None:
        self._indexed: dict[str, set[str]] = {}
        self._unique: dict[str, set[str]] = {}

    def declare_index(self, collection: str, fields: Sequence[str]) -> None:
        self._indexed.setdefault(collection, set()).update(fields)

    def declare_unique_index(self, collection: str, fields: Sequence[str]) -> None:
        self.declare_index(collection, fields)
        self._unique.setdefault(collection, set()).update(fields)

    def index(self, collection: str, fields: Sequence[str]) -> None:
        limits.check_collection(collection)
        limits.check_index_fields(fields)

    def drop(self, collection: str) -> None:
        limits.check_collection(collection)
        self._indexed.pop(collection, None)
        self._unique.pop(collection, None)

    def document(self, collection: str, document_id: str) -> None:
        limits.check_collection(collection)
        limits.check_document_id(document_id)

    def deletion(self, collection: str, document_id: str, *, expected_version: int) -> None:
        self.document(collection, document_id)
        limits.check_range("expected version", expected_version, low=1, high=limits.INTEGER_MAX)

    def batch(self, collection: str, writes: Sequence[Write]) -> list[str]:
        """The bodies as JSON text, in the order given."""
        limits.check_collection(collection)
        limits.check_batch(writes)
        return [self._write(collection, write) for write in writes]

    def counter(self, collection: str, document_id: str, *, field: str, by: int) -> None:
        self.document(collection, document_id)
        limits.check_field(field)
        limits.check_range("by", by, low=-limits.INCREMENT_MAX, high=limits.INCREMENT_MAX)
        if self._unique.get(collection):
            raise InvalidQuery(f"{collection}: a collection with a unique index has no counters")
        for indexed in self._indexed.get(collection, ()):
            if field.startswith(f"{indexed}."):
                raise InvalidQuery(f"{collection}: {field} lies inside the indexed field {indexed}")

    def find(
        self, collection: str, where: Sequence[Condition], *, sort: Sequence[Sort], limit: int, cursor: str | None
    ) -> Query:
        self._query(collection, where, sort)
        limits.check_range("limit", limit, low=1, high=limits.PAGE_DOCUMENTS_MAX)
        return plan_query(collection, where, sort=sort, limit=limit, cursor=cursor)

    def count(self, collection: str, where: Sequence[Condition], *, at_most: int) -> None:
        self._query(collection, where, ())
        limits.check_range("at_most", at_most, low=1, high=limits.COUNT_MAX)

    def _query(self, collection: str, where: Sequence[Condition], sort: Sequence[Sort]) -> None:
        limits.check_collection(collection)
        limits.check_conditions(where, sort)
        known = self._indexed.get(collection, set()) | {DOCUMENT_ID}
        for field in [part.field for part in (*where, *sort)]:
            if field not in known:
                raise InvalidQuery(f"{collection}: field {field[:80]!r} is in no index declared at start")

    def _write(self, collection: str, write: Write) -> str:
        limits.check_document_id(write.document_id)
        limits.check_range("expected version", write.expected_version, low=0, high=limits.INTEGER_MAX - 1)
        text = limits.encode_body(write.document_id, write.body)
        self._indexed_values(collection, write.document_id, write.body)
        return text

    def _indexed_values(self, collection: str, document_id: str, body: Body) -> None:
        """Stores index arrays, and nulls in unique indexes, each in its own way; so neither is allowed."""
        required = self._unique.get(collection, set())
        for field in sorted(self._indexed.get(collection, ())):
            value = value_at(body, field)
            if isinstance(value, Mapping | list | tuple) or (isinstance(value, str) and "\0" in value):
                raise InvalidDocument(f"{document_id}: indexed field {field} must be text, number, boolean or null")
            if value is None and field in required:
                raise InvalidDocument(f"{document_id}: field {field} of a unique index is missing")
