"""Documents with versions and indexed finds, on SQLite or MongoDB: what may a service ask of them?"""

from document_store.all_pages import all_pages
from document_store.errors import (
    InvalidDocument,
    InvalidQuery,
    SchemaTooNew,
    StoreUnavailable,
    UniqueViolation,
    VersionConflict,
)
from document_store.open_store import Migration, open_store, opened_store
from document_store.protocol import (
    DOCUMENT_ID,
    Between,
    Body,
    Condition,
    Direction,
    Document,
    DocumentStore,
    Equal,
    OneOf,
    Outcome,
    Page,
    Scalar,
    Sort,
    Stored,
    Write,
)

__all__ = [
    "DOCUMENT_ID",
    "Between",
    "Body",
    "Condition",
    "Direction",
    "Document",
    "DocumentStore",
    "Equal",
    "InvalidDocument",
    "InvalidQuery",
    "Migration",
    "OneOf",
    "Outcome",
    "Page",
    "Scalar",
    "SchemaTooNew",
    "Sort",
    "StoreUnavailable",
    "Stored",
    "UniqueViolation",
    "VersionConflict",
    "Write",
    "all_pages",
    "open_store",
    "opened_store",
]
