"""Documents never go back behind what they show, whoever writes them."""

from collections.abc import AsyncIterator

import pytest

from document_store import open_store
from hil_inbox.adapters.view_store import ViewStore
from hil_inbox.domain.read_model import Body, Collection, Place

ON_BOTH_STORES = pytest.mark.parametrize("store_url", ["sqlite", "mongo"], indirect=True)


@pytest.fixture
async def two_writers(store_url: str) -> AsyncIterator[tuple[ViewStore, ViewStore]]:
    first, second = await open_store(store_url), await open_store(store_url)
    try:
        await ViewStore(first).prepare()
        yield ViewStore(first), ViewStore(second)
    finally:
        await first.close()
        await second.close()


def row(as_of_seq: int, collection: Collection = "queue", document_id: str = "h1") -> dict[Place, Body]:
    return {(collection, document_id): {"tenant": "acme", "key": "c1", "as_of_seq": as_of_seq}}


async def shown(views: ViewStore) -> object:
    found = await views.get("queue", "h1")
    return found and found["as_of_seq"]


@ON_BOTH_STORES
async def test_an_older_document_never_replaces_a_newer_one_of_the_same_process(
    two_writers: tuple[ViewStore, ViewStore],
) -> None:
    views, _ = two_writers
    for sequence, expected in ((5, 5), (7, 7), (6, 7), (7, 7), (8, 8)):
        await views.write(row(sequence))
        assert await shown(views) == expected


@ON_BOTH_STORES
async def test_what_another_process_wrote_meanwhile_is_kept_if_it_is_newer_and_replaced_if_it_is_older(
    two_writers: tuple[ViewStore, ViewStore],
) -> None:
    ours, theirs = two_writers
    await ours.write(row(5))
    await theirs.write(row(9))
    await ours.write(row(7))
    assert await shown(ours) == 9
    await ours.write(row(11))
    await theirs.write(row(10))
    assert await shown(theirs) == 11
    await theirs.write(row(12))
    await ours.write(row(13))
    assert await shown(ours) == 13


@ON_BOTH_STORES
async def test_a_line_that_is_written_again_stays_as_it_was(two_writers: tuple[ViewStore, ViewStore]) -> None:
    ours, theirs = two_writers
    await ours.write(row(5, "transcript", "line"))
    await theirs.write(row(6, "transcript", "line"))
    found = await ours.get("transcript", "line")
    assert found is not None
    assert found["as_of_seq"] == 5
