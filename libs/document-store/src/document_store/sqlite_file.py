"""What does one SQLite connection do for a document store? Every function here runs in the thread of its lane."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import TypeVar

import orjson

from document_store.errors import StoreUnavailable, UniqueViolation, VersionConflict
from document_store.protocol import Document, Outcome, Stored, Write
from document_store.sqlite_query import column

T = TypeVar("T")
BUSY_TIMEOUT_SECONDS = 5.0


CACHE_KIB = 32 * 1024
"""Pages that a connection keeps, of two in a process: a week of figures is read twice as fast as with SQLite's 2 MB."""


class Synchronous(Enum):
    """NORMAL survives the death of the process, FULL (one fsync for each commit) also a power cut."""

    NORMAL = "normal"
    FULL = "full"


class SqliteFile:
    """Tables with one row for each document, created when a collection is first named."""

    def __init__(self, path: Path, synchronous: Synchronous) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_SECONDS)
        self._write_ahead()
        self._connection.execute(f"PRAGMA synchronous = {synchronous.value}")
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._tables: set[str] = set()

    def _write_ahead(self) -> None:
        """Two that open a new file at once both want to switch its mode; SQLite refuses the second at once, without the
        patience that it has for writes."""
        deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def table(self, collection: str) -> str:
        """The quoted name. Collection names have been checked: no quote can be in them."""
        name = f'"documents_{collection}"'
        if name not in self._tables:
            columns = "id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL"
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
            self._tables.add(name)
        return name

    def drop(self, collection: str) -> None:
        """Its indexes go with it."""
        self.execute(f"DROP TABLE IF EXISTS {self.table(collection)}")
        self.forget(collection)

    def forget(self, collection: str) -> None:
        """The table was dropped by another connection."""
        self._tables.discard(f'"documents_{collection}"')

    def create_index(self, collection: str, fields: Sequence[str]) -> None:
        """The id at the end makes the index serve the whole order of a page."""
        columns = ", ".join([*map(column, fields), "id"])
        name = f"index:{collection}:{','.join(fields)}"
        self.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON {self.table(collection)} ({columns})')

    def create_unique_index(self, collection: str, fields: Sequence[str]) -> None:
        columns = ", ".join(map(column, fields))
        name = f"unique:{collection}:{','.join(fields)}"
        try:
            self.execute(f'CREATE UNIQUE INDEX IF NOT EXISTS "{name}" ON {self.table(collection)} ({columns})')
        except sqlite3.IntegrityError as error:
            raise UniqueViolation(collection, "(stored documents)", fields=fields) from error

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        return self._connection.execute(sql, tuple(values)).fetchall()

    def documents(self, sql: str, values: Sequence[object]) -> list[Document]:
        rows = self._connection.execute(sql, tuple(values))
        return [Document(document_id, version, orjson.loads(body)) for document_id, version, body in rows]

    def read(self, collection: str, document_id: str) -> Document | None:
        sql = f"SELECT id, version, body FROM {self.table(collection)} WHERE id = ?"
        return next(iter(self.documents(sql, [document_id])), None)

    def transaction(self, change: Callable[[], T]) -> T:
        """All of `change` or nothing; the write lock is taken at once, so that what it reads stays true."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = change()
        except BaseException:
            self._connection.execute("ROLLBACK")
            self._tables.clear()  # One that this transaction made is gone with it.
            raise
        self._connection.execute("COMMIT")
        return result

    def write(self, collection: str, write: Write, *, text: str) -> Outcome:
        """One document, inside a transaction. A refused statement leaves the rest of the transaction whole."""
        table, version = self.table(collection), write.expected_version
        try:
            if version == 0:
                sql = f"INSERT INTO {table} (body, version, id) VALUES (?, 1, ?) ON CONFLICT (id) DO NOTHING"
                cursor = self._connection.execute(sql, (text, write.document_id))
            else:
                sql = f"UPDATE {table} SET body = ?, version = version + 1 WHERE id = ? AND version = ?"
                cursor = self._connection.execute(sql, (text, write.document_id, version))
        except sqlite3.IntegrityError as error:
            return UniqueViolation(collection, write.document_id, fields=_violated_fields(error))
        if cursor.rowcount == 1:
            return Stored(version + 1)
        found = self.execute(f"SELECT version FROM {table} WHERE id = ?", [write.document_id])
        current = int(str(found[0][0])) if found else 0
        return VersionConflict(collection, write.document_id, expected=version, current=current)

    def close(self) -> None:
        self._connection.close()


def translated(error: sqlite3.Error, path: Path) -> Exception:
    """Locked, full, unreadable, closed: trouble outside, to be tried again. A wrong statement is our own bug."""
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
        return StoreUnavailable(f"sqlite file {path.name}: {error}")
    return error


def _violated_fields(error: sqlite3.IntegrityError) -> list[str]:
    """The message ends in: index 'unique:<collection>:<fields>'."""
    return str(error).rstrip("'").rpartition(":")[2].split(",")
