"""What does the MongoDB adapter say while the server is gone, and what is there when it is back?"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.start_mongo import NoMongo, WireServer
from tests.support.wait_until import wait_until

from document_store import DocumentStore, Stored, StoreUnavailable, Write, open_store
from hil.embedded.ports import LOOPBACK, free_port


@pytest.fixture
def own_mongo_server(tmp_path: Path) -> Iterator[WireServer]:
    """A server of this test alone, which may be killed."""
    try:
        server = WireServer(tmp_path / "mongo")
    except NoMongo as error:
        pytest.skip(f"MONGODB OUTAGE NOT TESTED: {error}")
    server.start()
    yield server
    server.kill()


async def test_a_server_that_is_not_there_is_unavailable_within_seconds() -> None:
    async with asyncio.timeout(15):
        with pytest.raises(StoreUnavailable):
            await open_store(f"mongodb://{LOOPBACK}:{free_port()}/hil")


async def answers(store: DocumentStore) -> bool:
    try:
        await store.ping()
    except StoreUnavailable:
        return False
    return True


async def test_after_a_kill_calls_fail_clearly_and_acknowledged_writes_are_there_again(
    own_mongo_server: WireServer,
) -> None:
    store = await open_store(f"{own_mongo_server.url}/hil")
    acknowledged: list[str] = []

    async def write_until_it_fails() -> None:
        for number in range(100_000):
            names = [f"d{number}-{part}" for part in range(5)]
            outcomes = await store.put_many("kept", [Write(name, {"n": number}, 0) for name in names])
            assert outcomes == [Stored(1)] * len(names)
            acknowledged.extend(names)

    writing = asyncio.create_task(write_until_it_fails())
    await wait_until(lambda: len(acknowledged) >= 100)
    own_mongo_server.kill()
    with pytest.raises(StoreUnavailable):
        await writing
    with pytest.raises(StoreUnavailable):
        await store.get("kept", "d0-0")
    own_mongo_server.start()
    await wait_until(lambda: answers(store), timeout_seconds=30)
    for name in acknowledged:
        assert await store.get("kept", name) is not None, f"{name} was acknowledged and is lost"
    await store.close()
