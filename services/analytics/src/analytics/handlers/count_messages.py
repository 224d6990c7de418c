"""How are many messages counted in one write, each exactly once?"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Protocol

from pydantic import JsonValue

from analytics.domain.cells import MINUTE_MS, Cell, Subject, cells_of
from analytics.domain.contributions import contributions_of
from analytics.domain.execution import execution_document, execution_id
from analytics.domain.rollup import Contribution, Settled, Together, Versioned, count_in
from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished
from service_kit.bus import Delivery
from service_kit.errors import RetryLater

CELLS_KEPT_MAX = 20_000
WRITES_MAX = 500
CONFLICTS_MAX = 20


class Figures(Protocol):
    """Where rollups, executions and the list of workflows are kept."""

    async def load(self, cells: Sequence[Cell]) -> Mapping[Cell, Versioned]: ...

    async def save(self, rollups: Sequence[Versioned]) -> list[Versioned | None]: ...

    async def add_executions(self, executions: Mapping[str, dict[str, JsonValue]]) -> set[str]: ...

    async def add_workflows(self, cells: Sequence[Cell]) -> None: ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in hand; its handler returns, and so acknowledges it, once `done` is set. `number`: which of what is
    counted it is, where that is not its sequence."""

    tenant: str
    key: str
    entry: LogEntry
    done: "asyncio.Future[None] | None" = None
    number: int | None = None

    @property
    def as_counted(self) -> LogEntry:
        """With the number by which cells know it."""
        return self.entry if self.number is None else replace(self.entry, sequence=self.number)


@dataclass(slots=True)
class CountMessages:
    """Collects what arrives while the last write runs, and counts it together."""

    figures: Figures
    read_settled: Callable[[], Awaitable[Settled]]
    on_counted: Callable[[LogEntry], None]
    _waiting: list[Waiting] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _cells: OrderedDict[Cell, Versioned] = field(default_factory=OrderedDict)
    _workflows: set[tuple[str, str, str]] = field(default_factory=set)

    async def __call__(self, delivery: Delivery) -> None:
        """Returns when the message is counted and stored."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(delivery.subject.tenant, delivery.subject.key, delivery.entry, done))
        self._arrived.set()
        await done

    async def run(self) -> None:
        """Count for ever; cancelled once the consumer has ended."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            batch, self._waiting = self._waiting, []
            await self._settle(batch)

    async def _settle(self, batch: Sequence[Waiting]) -> None:
        """Tell each handler how it went. If a bug of ours broke the write, each message has a try of its own, so that
        one cannot take the others with it."""
        counting = asyncio.create_task(self.count(batch))
        await asyncio.wait({counting})
        error = counting.exception()
        if error is not None:
            self._cells.clear()
        if error is not None and not isinstance(error, RetryLater) and len(batch) > 1:
            for waiting in batch:
                await self._settle([waiting])
            return
        for waiting in batch:
            if waiting.done is None or waiting.done.done():
                continue
            if error is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(error)

    async def count(self, batch: Sequence[Waiting]) -> None:
        """Returns when all of a batch is counted and stored. Raises RetryLater."""
        settled = await self.read_settled()
        repeats = await self._keep_executions(batch)
        cells = _cells_of(waiting for waiting in batch if waiting.entry.sequence not in repeats)
        await self._keep_workflows(list(cells))
        counted: set[int] = set()
        for start in range(0, len(cells), WRITES_MAX):
            counted |= await self._write(dict(list(cells.items())[start : start + WRITES_MAX]), settled)
        for waiting in batch:
            if waiting.as_counted.sequence in counted:
                counted.discard(waiting.as_counted.sequence)
                self.on_counted(waiting.entry)

    async def _write(self, cells: Mapping[Cell, Together], settled: Settled) -> set[int]:
        """Count into each cell; again from what is stored where another replica was first."""
        counted: set[int] = set()
        open_cells = dict(cells)
        for _ in range(CONFLICTS_MAX):
            known = await self.figures.load([cell for cell in open_cells if cell not in self._cells])
            known = {**known, **{cell: self._cells[cell] for cell in open_cells if cell in self._cells}}
            changes = [_counted(known[cell], together, settled) for cell, together in open_cells.items()]
            saved = await self.figures.save([change for change, _ in changes])
            for cell, (_, new), kept in zip(list(open_cells), changes, saved, strict=True):
                if kept is not None:
                    self._keep(cell, kept)
                    counted |= new
                    del open_cells[cell]
                else:
                    self._cells.pop(cell, None)
            if not open_cells:
                return counted
        raise RetryLater(f"{len(open_cells)} rollups were written by others {CONFLICTS_MAX} times")

    def _keep(self, cell: Cell, kept: Versioned) -> None:
        self._cells[cell] = kept
        self._cells.move_to_end(cell)
        if len(self._cells) > CELLS_KEPT_MAX:
            self._cells.popitem(last=False)

    async def _keep_executions(self, batch: Sequence[Waiting]) -> set[int]:
        """Store executions; the sequences of ends that were stored twice in the log, which count once."""
        documents: dict[str, dict[str, JsonValue]] = {}
        places: dict[str, int] = {}
        repeats: set[int] = set()
        for waiting in batch:
            message, sequence = waiting.entry.message, waiting.entry.sequence
            if isinstance(message, ExecutionFinished):
                id_ = f"{waiting.tenant}/{waiting.key}/{execution_id(waiting.key, message)}"
                if places.setdefault(id_, sequence) != sequence:
                    repeats.add(sequence)
                else:
                    documents[id_] = execution_document(waiting.tenant, waiting.key, waiting.entry, message)
        known = await self.figures.add_executions(documents) if documents else set()
        return repeats | {places[id_] for id_ in known}

    async def _keep_workflows(self, cells: Sequence[Cell]) -> None:
        ended = [cell for cell in cells if cell.subject.family == "executions"]
        new = {(cell.subject.tenant, cell.subject.workflow, cell.subject.version): cell for cell in ended}
        new = {name: cell for name, cell in new.items() if name not in self._workflows}
        if new:
            await self.figures.add_workflows(list(new.values()))
            self._workflows |= new.keys()


def _cells_of(batch: Iterable[Waiting]) -> dict[Cell, Together]:
    """What goes to which cell. Messages of one subject and minute go the same ways, so they are taken together."""
    parts: dict[tuple[Subject, int], list[Contribution]] = {}
    for waiting in batch:
        minute_ms = waiting.entry.timestamp_ms // MINUTE_MS * MINUTE_MS
        for contribution in contributions_of(waiting.tenant, waiting.key, waiting.as_counted):
            parts.setdefault((contribution.subject, minute_ms), []).append(contribution)
    cells: dict[Cell, list[Together]] = {}
    for (subject, minute_ms), contributions in parts.items():
        together = Together(contributions)
        for cell in cells_of(subject, minute_ms):
            cells.setdefault(cell, []).append(together)
    return {cell: some[0] if len(some) == 1 else Together(chain(*some)) for cell, some in cells.items()}


def _counted(known: Versioned, together: Together, settled: Settled) -> tuple[Versioned, frozenset[int]]:
    rollup, new = count_in(known.rollup, together, settled)
    return Versioned(rollup, known.version), new
