"""Do changes that share a commit still succeed, fail and follow each other as if each were alone?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from document_store import DocumentStore, InvalidDocument, Write, open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    opened = await open_store(f"sqlite:///{tmp_path}/store.db")
    yield opened
    await opened.close()


async def test_changes_asked_for_at_once_are_made_in_their_order(store: DocumentStore) -> None:
    versions = await asyncio.gather(*(store.put("kept", "a", {"n": n}, expected_version=n) for n in range(250)))
    assert versions == list(range(1, 251))


async def test_a_change_that_cannot_be_made_takes_no_other_with_it(store: DocumentStore) -> None:
    await store.put("kept", "text", {"n": "not a number"}, expected_version=0)
    one, wrong, other, added = await asyncio.gather(
        store.put("made_now", "one", {}, expected_version=0),
        store.increment("kept", "text", "n", by=1),
        store.put("made_now", "other", {}, expected_version=0),
        store.increment("kept", "number", "n", by=1),
        return_exceptions=True,
    )
    assert (one, other, added) == (1, 1, 1)
    assert isinstance(wrong, InvalidDocument)
    assert await store.get("made_now", "other") is not None


async def test_a_cancelled_caller_keeps_nobody_from_their_answer(store: DocumentStore) -> None:
    leaving = asyncio.create_task(store.put("kept", "left", {}, expected_version=0))
    staying = asyncio.create_task(store.put_many("kept", [Write("stays", {}, expected_version=0)]))
    await asyncio.sleep(0)
    leaving.cancel()
    assert len(await staying) == 1
    assert await store.get("kept", "stays") is not None


async def test_closing_waits_for_what_was_asked_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/closed.db"
    store = await open_store(url)
    writing = asyncio.create_task(store.put("kept", "a", {}, expected_version=0))
    await asyncio.sleep(0)
    await store.close()
    assert await writing == 1
    again = await open_store(url)
    assert await again.get("kept", "a") is not None
    await again.close()
