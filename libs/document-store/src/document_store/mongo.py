"""How is a document store served from MongoDB? The one file that imports motor (ARCHITECTURE 3)."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from bson.int64 import Int64
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ReturnDocument
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    OperationFailure,
    WriteConcernError,
)

from document_store import mongo_query
from document_store.checks import Checks
from document_store.counters import add_to_number
from document_store.errors import InvalidDocument, InvalidQuery, StoreUnavailable, UniqueViolation, VersionConflict
from document_store.keyset import page_of, value_at
from document_store.protocol import Body, Condition, Document, Outcome, Page, Sort, Stored, Write

Raw: TypeAlias = dict[str, Any]

TIMEOUT_MS = 5_000
WRITES_IN_FLIGHT = 16
ATTEMPTS_MAX = 8
_CANNOT_ADD = {2, 14, 28}  # BadValue (more than 64 bits), TypeMismatch, PathNotViable


async def open_mongo(url: str) -> "MongoStore":
    """A write is acknowledged when a majority has it in its journal; each call gives up after some seconds."""
    try:
        client: AsyncIOMotorClient[Raw] = AsyncIOMotorClient(
            url, w="majority", journal=True, timeoutMS=TIMEOUT_MS, serverSelectionTimeoutMS=TIMEOUT_MS
        )
        store = MongoStore(client)
    except ConfigurationError as error:
        raise InvalidQuery(f"store URL: {error}; the form is mongodb://host/database") from error
    try:
        await store.ping()
    except BaseException:
        await store.close()
        raise
    return store


class MongoStore:
    """A `DocumentStore`. A document is `{_id, version, body}`; the body lies apart, so no key can collide."""

    def __init__(self, client: "AsyncIOMotorClient[Raw]") -> None:
        self._client = client
        self._database = client.get_default_database()
        self._checks = Checks()
        self._in_flight = asyncio.Semaphore(WRITES_IN_FLIGHT)

    async def get(self, collection: str, document_id: str) -> Document | None:
        self._checks.document(collection, document_id)
        with _translated():
            raw = await self._database[collection].find_one({"_id": document_id})
        return None if raw is None else _document(raw)

    async def put(self, collection: str, document_id: str, body: Body, *, expected_version: int) -> int:
        [outcome] = await self.put_many(collection, [Write(document_id, body, expected_version)])
        if isinstance(outcome, Stored):
            return outcome.version
        raise outcome

    async def put_many(self, collection: str, writes: Sequence[Write]) -> list[Outcome]:
        """One command for each write: a bulk write does not tell which of its updates matched nothing."""
        self._checks.batch(collection, writes)
        commands = (self._write(collection, write) for write in writes)
        # All are waited for, also when one fails: none may come into effect after the caller has been told.
        results = await asyncio.gather(*commands, return_exceptions=True)
        return [_returned(result) for result in results]

    async def delete(self, collection: str, document_id: str, *, expected_version: int) -> None:
        self._checks.deletion(collection, document_id, expected_version=expected_version)
        with _translated():
            result = await self._database[collection].delete_one({"_id": document_id, "version": expected_version})
        found = None if result.deleted_count else await self.get(collection, document_id)
        if found is not None:
            raise VersionConflict(collection, document_id, expected=expected_version, current=found.version)

    async def drop(self, collection: str) -> None:
        self._checks.drop(collection)
        with _translated():
            await self._database[collection].drop()

    async def increment(self, collection: str, document_id: str, field: str, *, by: int) -> int | float:
        self._checks.counter(collection, document_id, field=field, by=by)
        try:
            document = await self._increment(collection, document_id, field=field, by=by)
        except OperationFailure as error:
            if error.code in _CANNOT_ADD:
                raise InvalidDocument(f"{document_id}: {field} is not a number that {by} can be added to") from error
            raise
        value = value_at(document.body, field)
        assert isinstance(value, int | float), "the server has just added to it"
        return value

    async def ensure_index(self, collection: str, fields: Sequence[str]) -> None:
        """The id at the end makes the index serve the whole order of a page."""
        self._checks.index(collection, fields)
        keys = [*[(mongo_query.path(field), 1) for field in fields], ("_id", 1)]
        with _translated():
            await self._database[collection].create_index(keys, name=f"index:{','.join(fields)}")
        self._checks.declare_index(collection, fields)

    async def ensure_unique_index(self, collection: str, fields: Sequence[str]) -> None:
        self._checks.index(collection, fields)
        keys = [(mongo_query.path(field), 1) for field in fields]
        try:
            with _translated():
                await self._database[collection].create_index(keys, name=f"unique:{','.join(fields)}", unique=True)
        except DuplicateKeyError as error:
            raise UniqueViolation(collection, "(stored documents)", fields=fields) from error
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
        found = self._database[collection].find(mongo_query.page_filter(query))
        with _translated():
            raws = await found.sort(mongo_query.sort_of(query)).limit(limit + 1).to_list(limit + 1)
        return page_of([_document(raw) for raw in raws], query)

    async def count(self, collection: str, where: Sequence[Condition] = (), *, at_most: int = 10_000) -> int:
        self._checks.count(collection, where, at_most=at_most)
        with _translated():
            return await self._database[collection].count_documents(mongo_query.filter_of(where), limit=at_most)

    async def ping(self) -> None:
        with _translated():
            await self._database.command("ping")

    async def close(self) -> None:
        self._client.close()

    async def _write(self, collection: str, write: Write) -> Outcome:
        async for _ in _attempts(f"{collection}/{write.document_id}"):
            async with self._in_flight:
                outcome = await self._try_to_write(collection, write)
            if outcome is not None:
                return outcome
        raise AssertionError("the attempts end with an error")

    async def _try_to_write(self, collection: str, write: Write) -> Outcome | None:
        """None if the id was taken and is free again: another's insert was taken back, or is about to be seen."""
        document_id, expected = write.document_id, write.expected_version
        raw = {"version": expected + 1, "body": dict(write.body)}
        documents = self._database[collection]
        try:
            with _translated():
                if expected == 0:
                    await documents.insert_one({"_id": document_id, **raw})
                    return Stored(1)
                result = await documents.replace_one({"_id": document_id, "version": expected}, raw)
        except DuplicateKeyError as error:
            if fields := _violated_fields(error):
                return UniqueViolation(collection, document_id, fields=fields)
        else:
            if result.matched_count == 1:
                return Stored(expected + 1)
        found = await self.get(collection, document_id)
        if found is None and expected == 0:
            return None
        current = 0 if found is None else found.version
        return VersionConflict(collection, document_id, expected=expected, current=current)

    async def _increment(self, collection: str, document_id: str, *, field: str, by: int) -> Document:
        """Without upsert: two at once may both insert, and not every server then tells the loser the new value."""
        documents = self._database[collection]
        first = Document(document_id, 1, {})
        add_to_number(first, field, by=by)
        update = {"$inc": {mongo_query.path(field): by, "version": 1}}
        async for _ in _attempts(f"{collection}/{document_id}"):
            with suppress(DuplicateKeyError), _translated():
                raw = await documents.find_one_and_update(
                    {"_id": document_id}, update, return_document=ReturnDocument.AFTER
                )
                if raw is not None:
                    return _document(raw)
                await documents.insert_one({"_id": document_id, "version": 1, "body": first.body})
                return first
        raise AssertionError("the attempts end with an error")


async def _attempts(what: str) -> AsyncIterator[int]:
    """Counts attempts with growing pauses between them; raises StoreUnavailable when they are used up."""
    for attempt in range(ATTEMPTS_MAX):
        yield attempt
        await asyncio.sleep(0.005 * 2**attempt)
    raise StoreUnavailable(f"mongodb: {what} is taken and free in turn, {ATTEMPTS_MAX} times")


def _returned(result: Outcome | BaseException) -> Outcome:
    """VersionConflict and UniqueViolation are exceptions that a batch returns; any other one was raised."""
    if isinstance(result, Stored | VersionConflict | UniqueViolation):
        return result
    raise result


def _document(raw: Raw) -> Document:
    body = _plain(raw.get("body", {}))
    assert isinstance(body, dict)
    return Document(str(raw["_id"]), int(raw["version"]), body)


def _plain(value: object) -> object:
    """Integers above 32 bits come back as a class of the driver's own."""
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return int(value) if isinstance(value, Int64) else value


def _violated_fields(error: DuplicateKeyError) -> list[str]:
    """Empty if it was the id: then the document exists, which is a matter of versions."""
    pattern = (error.details or {}).get("keyPattern") or {}
    return [name.removeprefix("body.") for name in pattern if name != "_id"]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ConnectionFailure, AutoReconnect, ExecutionTimeout, WriteConcernError, InvalidOperation) as error:
        raise StoreUnavailable(f"mongodb: {error}") from error
