"""Run by the kill test: puts documents without end and prints each one's name once it is acknowledged."""

import asyncio
import sys

from document_store import DocumentStore, Stored, Write, open_store


async def write_for_ever(url: str, prefix: str) -> None:
    store = await open_store(url)
    await store.ensure_unique_index("kept", ["key"])
    await asyncio.gather(*(write_batches(store, f"{prefix}-{writer}") for writer in range(4)))


async def write_batches(store: DocumentStore, prefix: str) -> None:
    number = 0
    while True:
        names = [f"{prefix}-{number + offset}" for offset in range(5)]
        number += len(names)
        outcomes = await store.put_many("kept", [Write(name, {"key": name, "x": "y" * 500}, 0) for name in names])
        assert outcomes == [Stored(1)] * len(names)
        total = await store.increment("counted", prefix, "total", by=1)
        print(f"{prefix} {total} {' '.join(names)}", flush=True)


if __name__ == "__main__":
    asyncio.run(write_for_ever(sys.argv[1], sys.argv[2]))
