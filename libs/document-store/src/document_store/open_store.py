"""Which store does a URL name, and is its schema the one that this release expects?"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

from document_store.errors import InvalidQuery, SchemaTooNew, VersionConflict
from document_store.mongo import open_mongo
from document_store.protocol import DocumentStore
from document_store.sqlite import SqliteStore
from document_store.sqlite_file import Synchronous

Migration: TypeAlias = Callable[[DocumentStore], Awaitable[None]]
"""One step forwards. It may run again after a crash, and beside another replica: it must be idempotent."""

META_COLLECTION = "store_meta"
SCHEMA_DOCUMENT = "schema"


async def open_store(url: str, *, migrations: Sequence[Migration] = ()) -> DocumentStore:
    """`sqlite:///relative/file`, `sqlite:////absolute/file` (`?synchronous=full`) or `mongodb://host/database`.

    The schema version of a store is the number of migrations that it has gone through; missing ones run here.
    Raises `StoreUnavailable`, `SchemaTooNew`, and `InvalidQuery` for a URL of another form.
    """
    store = await _connect(url)
    try:
        await migrate(store, migrations)
    except BaseException:
        await store.close()
        raise
    return store


async def migrate(store: DocumentStore, migrations: Sequence[Migration]) -> None:
    while (version := await schema_version(store)) < len(migrations):
        await migrations[version](store)
        await _record(store, version + 1)
    if version > len(migrations):
        raise SchemaTooNew(f"the store has schema {version}, this release knows {len(migrations)}")


async def schema_version(store: DocumentStore) -> int:
    document = await store.get(META_COLLECTION, SCHEMA_DOCUMENT)
    return 0 if document is None else int(str(document.body["schema_version"]))


async def _record(store: DocumentStore, version: int) -> None:
    """The document's own version equals the schema's, so of two replicas one records and the other sees it done."""
    body = {"schema_version": version}
    try:
        await store.put(META_COLLECTION, SCHEMA_DOCUMENT, body, expected_version=version - 1)
    except VersionConflict as conflict:
        if conflict.current_version < version:
            raise


async def _connect(url: str) -> DocumentStore:
    scheme = urlsplit(url).scheme
    if scheme == "sqlite" and url.startswith("sqlite:///"):
        return await _open_sqlite(url)
    if scheme in {"mongodb", "mongodb+srv"}:
        return await open_mongo(url)
    raise InvalidQuery(f"store URL of scheme {scheme!r}: give sqlite:///path or mongodb://host/database")


async def _open_sqlite(url: str) -> DocumentStore:
    path, _, query = url.removeprefix("sqlite:///").partition("?")
    options = parse_qs(query, strict_parsing=bool(query))
    wanted = options.pop("synchronous", ["normal"])[-1].lower()
    if options or not path or wanted not in {"normal", "full"}:
        raise InvalidQuery(f"store URL {url!r}: the form is sqlite:///path?synchronous=normal|full")
    store = SqliteStore(Path(path))
    await store.open(Synchronous(wanted))
    return store


@asynccontextmanager
async def opened_store(url: str) -> AsyncIterator[DocumentStore]:
    """A store for as long as the block runs; see `open_store`."""
    store = await open_store(url)
    try:
        yield store
    finally:
        await store.close()
