"""In which thread does a call to a SQLite file run, and which changes share a commit?"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from document_store.errors import StoreUnavailable
from document_store.sqlite_file import SqliteFile, Synchronous, translated

T = TypeVar("T")
CHANGES_AT_ONCE = 100


class Lane:
    """One connection in one thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._file: SqliteFile | None = None

    async def open(self, synchronous: Synchronous) -> None:
        self._file = await self._in_thread(lambda: SqliteFile(self._path, synchronous))

    async def run(self, use: Callable[[SqliteFile], T]) -> T:
        """Raises StoreUnavailable when the file is closed, locked, full or unreadable."""
        file = self._file
        if file is None:
            raise StoreUnavailable(f"sqlite file {self._path.name}: closed")
        return await self._in_thread(lambda: use(file))

    async def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            await self._in_thread(file.close)
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """A cancelled caller does not stop the statement: what it wrote is whole, as after a lost reply."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise translated(error, self._path) from error


Change = Callable[[SqliteFile], T]


class WriteLane(Lane):
    """Changes that come while another is written wait, and share the next commit: a commit and the way to the thread
    and back take far longer than the statements between them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._waiting: list[tuple[Change[Any], asyncio.Future[Any]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def change(self, change: Change[T]) -> T:
        """All of a change is stored or nothing of it; returns what it returns. Raises as `run`, and what it raises."""
        stored: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, stored))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await stored

    async def close(self) -> None:
        if self._writing is not None:
            await self._writing
        await super().close()

    async def _write(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting[:CHANGES_AT_ONCE], self._waiting[CHANGES_AT_ONCE:]
                await self._commit(together)
        finally:
            self._writing = None

    async def _commit(self, together: list[tuple[Change[Any], "asyncio.Future[Any]"]]) -> None:
        """Trouble with the file is everybody's; a change that cannot be made takes nobody with it."""

        def change_all(file: SqliteFile) -> list[object]:
            return file.transaction(lambda: [change(file) for change, _ in together])

        outcome: list[object] | BaseException
        [outcome] = await asyncio.gather(self.run(change_all), return_exceptions=True)
        if not isinstance(outcome, BaseException):
            for (_, stored), result in zip(together, outcome, strict=True):
                _settle(stored, result)
        elif isinstance(outcome, StoreUnavailable) or len(together) == 1:
            for _, stored in together:
                _fail(stored, outcome)
        else:
            for one in together:
                await self._commit([one])


def _settle(stored: "asyncio.Future[Any]", result: object) -> None:
    if not stored.done():  # Who waited for it was perhaps cancelled.
        stored.set_result(result)


def _fail(stored: "asyncio.Future[Any]", error: BaseException) -> None:
    if not stored.done():
        stored.set_exception(error)
