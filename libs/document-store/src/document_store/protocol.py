"""What may a service ask of a document store, whichever product is behind it?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from document_store.errors import UniqueViolation, VersionConflict

Scalar: TypeAlias = str | int | float | bool
Body: TypeAlias = Mapping[str, object]
"""A JSON object: strings, finite numbers (integers of 64 bits), booleans, null, arrays, objects."""

DOCUMENT_ID = "_id"
"""Stands for the document's id where a condition or a sort names a field."""


@dataclass(frozen=True, slots=True)
class Document:
    """A stored body; `version` is 1 after the first write and grows by one with each write."""

    id: str
    version: int
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Equal:
    """The field holds this value; `None` stands for null and for a missing field alike."""

    field: str
    value: Scalar | None


@dataclass(frozen=True, slots=True)
class Between:
    """`at_least` <= field < `below`; an absent bound is open. Null and missing fields never match."""

    field: str
    at_least: str | int | float | None = None
    below: str | int | float | None = None


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field holds one of these values (at most `ONE_OF_MAX`); no values match no document."""

    field: str
    values: Sequence[Scalar]


Condition: TypeAlias = Equal | Between | OneOf


class Direction(Enum):
    """Nulls and missing fields come first going up and last going down."""

    ASCENDING = "asc"
    DESCENDING = "desc"


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort key; documents with equal keys follow their ids, in the direction of the last key."""

    field: str
    direction: Direction = Direction.ASCENDING


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a result; `next_cursor` is None when nothing followed as the page was read."""

    documents: list[Document]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Write:
    """One put of a batch; `expected_version` 0 means that the document must not exist."""

    document_id: str
    body: Body
    expected_version: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The write happened; the document now has this version."""

    version: int


Outcome: TypeAlias = Stored | VersionConflict | UniqueViolation


class DocumentStore(Protocol):
    """Documents in collections, each read and written whole; nothing spans two documents.

    Every call may raise `StoreUnavailable`, and `InvalidQuery` or `InvalidDocument` (limits.py).
    Field names may be dotted paths. Indexes are declared at each start, before the collection is used.
    """

    async def get(self, collection: str, document_id: str) -> Document | None:
        """The document as it was last acknowledged, or None."""

    async def put(self, collection: str, document_id: str, body: Body, *, expected_version: int) -> int:
        """Store the body if the document has `expected_version` (0: does not exist); the new version.

        Raises `VersionConflict` with the current version, or `UniqueViolation`.
        """

    async def put_many(self, collection: str, writes: Sequence[Write]) -> list[Outcome]:
        """Independent puts of different documents; each write's own outcome, in the order given.

        If it raises `StoreUnavailable`, any of the writes may have happened.
        """

    async def delete(self, collection: str, document_id: str, *, expected_version: int) -> None:
        """Remove the document if it has `expected_version`. One that is not there is no error: it may have been
        removed by a call whose reply was lost. Versions start at 1 again.

        Raises `VersionConflict` with the current version.
        """

    async def drop(self, collection: str) -> None:
        """Remove a collection with all its documents and indexes; one that is not there is no error. For collections
        that nobody uses any more: another process may not notice."""

    async def increment(self, collection: str, document_id: str, field: str, *, by: int) -> int | float:
        """Add to a number atomically, from 0 in a document of its own if there is none; the new value.

        Counts as a write (the version grows). Not idempotent: under redelivery use `put` (ARCHITECTURE 3).
        Refused in collections with a unique index.
        """

    async def ensure_index(self, collection: str, fields: Sequence[str]) -> None:
        """Declare that documents are found and sorted by these fields; repeating it is no error."""

    async def ensure_unique_index(self, collection: str, fields: Sequence[str]) -> None:
        """The same, and no two documents may hold the same values; each document must hold all of them."""

    async def find(
        self,
        collection: str,
        where: Sequence[Condition] = (),
        *,
        sort: Sequence[Sort] = (),
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Documents that meet all conditions, on indexed fields; without a sort in the order of ids.

        A cursor goes on behind the last document of its page: documents that stay put are given exactly once,
        whatever is written meanwhile. It belongs to the same collection, conditions and sort.
        """

    async def count(self, collection: str, where: Sequence[Condition] = (), *, at_most: int = 10_000) -> int:
        """How many documents meet the conditions; counting stops at `at_most`."""

    async def ping(self) -> None:
        """Returns if the store answers; raises `StoreUnavailable` if not."""

    async def close(self) -> None:
        """Waits for what runs, then lets go of files and connections."""
