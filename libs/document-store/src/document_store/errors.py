"""What can go wrong in a document store, as types that say what the caller should do?"""

from collections.abc import Sequence

from service_kit.errors import RetryLater


class StoreUnavailable(RetryLater):
    """The store did not answer in time or lost its connection; the write may or may not have happened."""


class VersionConflict(RetryLater):
    """The document's version is not the expected one; `current_version` is 0 if there is no document."""

    def __init__(self, collection: str, document_id: str, *, expected: int, current: int) -> None:
        super().__init__(f"{collection}/{document_id}: expected version {expected}, stored version {current}")
        self.collection = collection
        self.document_id = document_id
        self.expected_version = expected
        self.current_version = current


class UniqueViolation(Exception):
    """Another document holds the same values in the fields of a unique index."""

    def __init__(self, collection: str, document_id: str, *, fields: Sequence[str]) -> None:
        super().__init__(f"{collection}/{document_id}: another document has the same {', '.join(fields)}")
        self.collection = collection
        self.document_id = document_id
        self.fields = tuple(fields)


class InvalidDocument(ValueError):
    """The body cannot be stored the same way by every adapter; the text names the path and the limit."""


class InvalidQuery(ValueError):
    """A name, a condition, a limit or a cursor is not one that every adapter can serve from an index."""


class SchemaTooNew(Exception):
    """The store was written by a newer release; going on could destroy what that release stored."""
