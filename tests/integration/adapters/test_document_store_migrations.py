"""Does a store go forwards through its schema versions, once each, and never back?"""

import asyncio

import pytest

from document_store import DocumentStore, SchemaTooNew, open_store
from document_store.open_store import schema_version


async def add_first(store: DocumentStore) -> None:
    if await store.get("steps", "first") is None:
        await store.put("steps", "first", {}, expected_version=0)


async def count_second(store: DocumentStore) -> None:
    await store.increment("steps", "second", "times", by=1)


async def test_a_new_store_goes_through_all_migrations_and_records_the_last(store_url: str) -> None:
    store = await open_store(store_url, migrations=[add_first, count_second])
    assert await schema_version(store) == 2
    assert await store.get("steps", "first") is not None
    await store.close()


async def test_opening_again_runs_only_the_migrations_that_are_missing(store_url: str) -> None:
    for migrations in ([add_first], [add_first, count_second], [add_first, count_second]):
        store = await open_store(store_url, migrations=migrations)
        await store.close()
    store = await open_store(store_url, migrations=[add_first, count_second])
    second = await store.get("steps", "second")
    await store.close()
    assert second is not None
    assert second.body == {"times": 1}


async def test_a_migration_that_failed_runs_again_at_the_next_start(store_url: str) -> None:
    async def fails(store: DocumentStore) -> None:
        await count_second(store)
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        await open_store(store_url, migrations=[add_first, fails])
    store = await open_store(store_url, migrations=[add_first, count_second])
    second = await store.get("steps", "second")
    assert await schema_version(store) == 2
    await store.close()
    assert second is not None
    assert second.body == {"times": 2}


async def test_two_replicas_may_start_at_once(store_url: str) -> None:
    stores = await asyncio.gather(*(open_store(store_url, migrations=[add_first_or_not]) for _ in range(2)))
    assert [await schema_version(store) for store in stores] == [1, 1]
    for store in stores:
        await store.close()


async def add_first_or_not(store: DocumentStore) -> None:
    await asyncio.gather(store.put("steps", "first", {}, expected_version=0), return_exceptions=True)


async def test_a_store_of_a_newer_release_is_refused(store_url: str) -> None:
    store = await open_store(store_url, migrations=[add_first, count_second])
    await store.close()
    with pytest.raises(SchemaTooNew, match="schema 2, this release knows 1"):
        await open_store(store_url, migrations=[add_first])
