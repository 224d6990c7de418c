"""How fast does a store find documents by an index among 50,000? `python -m tests.support.measure_store URL`"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable

from document_store import (
    Direction,
    DocumentStore,
    Equal,
    Sort,
    VersionConflict,
    Write,
    open_store,
)

DOCUMENTS = 50_000
BATCH = 500
REPEATS = 300
NEWEST_FIRST = [Sort("priority", Direction.DESCENDING), Sort("due", Direction.DESCENDING)]


async def fill(store: DocumentStore) -> float:
    started = time.perf_counter()
    for first in range(0, DOCUMENTS, BATCH):
        writes = [
            Write(
                f"h{number:06}",
                {
                    "queue": f"q{number % 50}",
                    "priority": number % 5,
                    "due": number * 7919 % DOCUMENTS,
                    "text": "x" * 400,
                },
                0,
            )
            for number in range(first, first + BATCH)
        ]
        outcomes = await store.put_many("handovers", writes)
        assert not any(isinstance(outcome, VersionConflict) for outcome in outcomes), "give an empty store"
    return time.perf_counter() - started


async def measure(name: str, call: Callable[[int], Awaitable[object]]) -> None:
    times = []
    for number in range(REPEATS):
        started = time.perf_counter()
        await call(number)
        times.append((time.perf_counter() - started) * 1000)
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{name:36} p50 {statistics.median(times):8.2f} ms   p95 {p95:8.2f} ms")


async def main(url: str) -> None:
    store = await open_store(url)
    await store.ensure_index("handovers", ["queue", "priority", "due"])
    await store.ensure_index("handovers", ["priority", "due"])
    print(f"{url.partition(':')[0]}: {DOCUMENTS} documents, put_many {DOCUMENTS / await fill(store):.0f} documents/s")
    deep = None
    for _ in range(40):
        deep = (await store.find("handovers", sort=NEWEST_FIRST, limit=1000, cursor=deep)).next_cursor

    await measure("get", lambda n: store.get("handovers", f"h{n * 131 % DOCUMENTS:06}"))
    await measure(
        "find one queue, sorted, page of 50",
        lambda n: store.find("handovers", [Equal("queue", f"q{n % 50}")], sort=NEWEST_FIRST, limit=50),
    )
    await measure(
        "find all, up, page of 50",
        lambda n: store.find("handovers", sort=[Sort("priority"), Sort("due")], limit=50),
    )
    await measure(
        "find all, down, behind 40,000, page of 50",
        lambda n: store.find("handovers", sort=NEWEST_FIRST, limit=50, cursor=deep),
    )
    await measure("count one queue", lambda n: store.count("handovers", [Equal("queue", f"q{n % 50}")]))
    await measure("put", lambda n: store.put("puts", f"p{n}", {"text": "x" * 400}, expected_version=0))
    await store.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/store.db"))
