"""How is a document store served from one SQLite file, without a server and safe against kill -9?"""

from collections.abc import Sequence
from pathlib import Path

from document_store import limits, sqlite_query
from document_store.checks import Checks
from document_store.counters import add_to_number
from document_store.errors import VersionConflict
from document_store.keyset import page_of
from document_store.protocol import Body, Condition, Document, Outcome, Page, Sort, Stored, Write
from document_store.sqlite_file import SqliteFile, Synchronous
from document_store.sqlite_lanes import Lane, WriteLane


class SqliteStore:
    """A `DocumentStore`. Writers queue in one thread with a connection of its own, not on SQLite's lock; readers in
    another one, so that nobody who looks something up waits for them. What was written is seen by every later read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checks = Checks()
        self._writes, self._reads = WriteLane(path), Lane(path)

    async def open(self, synchronous: Synchronous) -> None:
        await self._writes.open(synchronous)
        await self._reads.open(synchronous)

    async def get(self, collection: str, document_id: str) -> Document | None:
        self._checks.document(collection, document_id)
        return await self._reads.run(lambda file: file.read(collection, document_id))

    async def put(self, collection: str, document_id: str, body: Body, *, expected_version: int) -> int:
        [outcome] = await self.put_many(collection, [Write(document_id, body, expected_version)])
        if isinstance(outcome, Stored):
            return outcome.version
        raise outcome

    async def put_many(self, collection: str, writes: Sequence[Write]) -> list[Outcome]:
        batch = list(zip(writes, self._checks.batch(collection, writes), strict=True))

        def write_all(file: SqliteFile) -> list[Outcome]:
            return [file.write(collection, write, text=text) for write, text in batch]

        return await self._writes.change(write_all)

    async def delete(self, collection: str, document_id: str, *, expected_version: int) -> None:
        self._checks.deletion(collection, document_id, expected_version=expected_version)

        def remove(file: SqliteFile) -> Document | None:
            sql = f"DELETE FROM {file.table(collection)} WHERE id = ? AND version = ? RETURNING id"
            removed = file.execute(sql, [document_id, expected_version])
            return None if removed else file.read(collection, document_id)

        found = await self._writes.change(remove)
        if found is not None:
            raise VersionConflict(collection, document_id, expected=expected_version, current=found.version)

    async def drop(self, collection: str) -> None:
        self._checks.drop(collection)
        await self._writes.change(lambda file: file.drop(collection))
        await self._reads.run(lambda file: file.forget(collection))

    async def increment(self, collection: str, document_id: str, field: str, *, by: int) -> int | float:
        self._checks.counter(collection, document_id, field=field, by=by)

        def add(file: SqliteFile) -> int | float:
            document = file.read(collection, document_id) or Document(document_id, 0, {})
            value = add_to_number(document, field, by=by)
            write = Write(document_id, document.body, document.version)
            outcome = file.write(collection, write, text=limits.encode_body(document_id, document.body))
            assert isinstance(outcome, Stored), "nothing can come between, the write lock is held"
            return value

        return await self._writes.change(add)

    async def ensure_index(self, collection: str, fields: Sequence[str]) -> None:
        self._checks.index(collection, fields)
        await self._writes.run(lambda file: file.create_index(collection, fields))
        self._checks.declare_index(collection, fields)

    async def ensure_unique_index(self, collection: str, fields: Sequence[str]) -> None:
        self._checks.index(collection, fields)
        await self._writes.run(lambda file: file.create_unique_index(collection, fields))
        self._checks.declare_unique_index(collection, fields)

    async def find(
        self,
        collection: str,
        where: Sequence[Condition] = (),
        *,
        sort: Sequence[Sort] = (),
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        query = self._checks.find(collection, where, sort=sort, limit=limit, cursor=cursor)

        def read_page(file: SqliteFile) -> Page:
            sql, values = sqlite_query.select(file.table(collection), query)
            return page_of(file.documents(sql, values), query)

        return await self._reads.run(read_page)

    async def count(self, collection: str, where: Sequence[Condition] = (), *, at_most: int = 10_000) -> int:
        self._checks.count(collection, where, at_most=at_most)

        def count_rows(file: SqliteFile) -> int:
            sql, values = sqlite_query.count_some(file.table(collection), where, at_most=at_most)
            [(found,)] = file.execute(sql, values)
            return int(str(found))

        return await self._reads.run(count_rows)

    async def ping(self) -> None:
        await self._writes.run(lambda file: file.execute("SELECT 1"))

    async def close(self) -> None:
        await self._reads.close()
        await self._writes.close()
