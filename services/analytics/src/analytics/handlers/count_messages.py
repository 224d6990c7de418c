"""How are many messages counted in one write, each exactly once?"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Protocol

from pydantic import JsonValue

from analytics.domain.cells import MINUTE_MS, UNITS, Cell, Subject, cells_of
from analytics.domain.contributions import contributions_of
from analytics.domain.execution import execution_document, execution_id
from analytics.domain.postings import posted, sums_to_write
from analytics.domain.rollup import Contribution, Rollup, Settled, Together, Versioned, count_in
from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished
from service_kit.bus import Delivery
from service_kit.errors import RetryLater

CELLS_KEPT_MAX = 20_000
WRITES_MAX = 500
assert WRITES_MAX < CELLS_KEPT_MAX, "what a write kept is read right after it"
CONFLICTS_MAX = 20


class Figures(Protocol):
    """Where rollups, executions and the list of workflows are kept."""

    async def load(self, cells: Sequence[Cell]) -> Mapping[Cell, Versioned]: ...

    async def save(self, rollups: Sequence[Versioned]) -> list[Versioned | None]: ...

    async def add_executions(self, executions: Mapping[str, dict[str, JsonValue]]) -> set[str]: ...

    async def add_workflows(self, cells: Sequence[Cell]) -> None: ...


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message in hand. `number`: which of what is counted it is, where that is not its sequence."""

    tenant: str
    key: str
    entry: LogEntry
    number: int | None = None

    @property
    def as_counted(self) -> LogEntry:
        """With the number by which cells know it."""
        return self.entry if self.number is None else replace(self.entry, sequence=self.number)


@dataclass(slots=True)
class CountMessages:
    """Counts a batch in one write for each cell."""

    figures: Figures
    read_settled: Callable[[], Awaitable[Settled]]
    on_counted: Callable[[LogEntry], None]
    _cells: OrderedDict[Cell, Versioned] = field(default_factory=OrderedDict)
    _workflows: set[tuple[str, str, str]] = field(default_factory=set)

    async def __call__(self, deliveries: Sequence[Delivery]) -> None:
        """Returns when all are counted and stored. Raises RetryLater."""
        await self.count([Arrived(one.subject.tenant, one.subject.key, one.entry) for one in deliveries])

    async def count(self, batch: Sequence[Arrived]) -> None:
        """The same of messages from anywhere. What was half written is read again by the next one."""
        try:
            await self._count(batch)
        except BaseException:
            self._cells.clear()
            raise

    async def _count(self, batch: Sequence[Arrived]) -> None:
        settled = await self.read_settled()
        repeats = await self._keep_executions(batch)
        cells = _cells_of(arrived for arrived in batch if arrived.entry.sequence not in repeats)
        await self._keep_workflows(list(cells))
        counted, written = await self._write_all(cells, settled)
        await self._write_all(sums_to_write(written, settled), settled)
        for arrived in batch:
            if arrived.as_counted.sequence in counted:
                counted.discard(arrived.as_counted.sequence)
                self.on_counted(arrived.entry)

    async def _write_all(self, cells: Mapping[Cell, Together], settled: Settled) -> tuple[set[int], list[Rollup]]:
        """What was new in any cell, and the conversations as they are stored now."""
        counted, units, every = set[int](), list[Rollup](), list(cells.items())
        for start in range(0, len(every), WRITES_MAX):
            some = dict(every[start : start + WRITES_MAX])
            counted |= await self._write(some, settled)
            units += [self._cells[cell].rollup for cell in some if cell.subject.family in UNITS]
        return counted, units

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

    async def _keep_executions(self, batch: Sequence[Arrived]) -> set[int]:
        """Store executions; the sequences of ends that were stored twice in the log, which count once."""
        documents: dict[str, dict[str, JsonValue]] = {}
        places: dict[str, int] = {}
        repeats: set[int] = set()
        for arrived in batch:
            message, sequence = arrived.entry.message, arrived.entry.sequence
            if isinstance(message, ExecutionFinished):
                id_ = f"{arrived.tenant}/{arrived.key}/{execution_id(arrived.key, message)}"
                if places.setdefault(id_, sequence) != sequence:
                    repeats.add(sequence)
                else:
                    documents[id_] = execution_document(arrived.tenant, arrived.key, arrived.entry, message)
        known = await self.figures.add_executions(documents) if documents else set()
        return repeats | {places[id_] for id_ in known}

    async def _keep_workflows(self, cells: Sequence[Cell]) -> None:
        ended = [cell for cell in cells if cell.subject.family == "executions"]
        new = {(cell.subject.tenant, cell.subject.workflow, cell.subject.version): cell for cell in ended}
        new = {name: cell for name, cell in new.items() if name not in self._workflows}
        if new:
            await self.figures.add_workflows(list(new.values()))
            self._workflows |= new.keys()


def _cells_of(batch: Iterable[Arrived]) -> dict[Cell, Together]:
    """What goes to which cell. Messages of one subject and minute go the same ways, so they are taken together."""
    parts: dict[tuple[Subject, int], list[Contribution]] = {}
    for arrived in batch:
        minute_ms = arrived.entry.timestamp_ms // MINUTE_MS * MINUTE_MS
        for contribution in contributions_of(arrived.tenant, arrived.key, arrived.as_counted):
            parts.setdefault((contribution.subject, minute_ms), []).append(contribution)
    cells: dict[Cell, list[Together]] = {}
    for (subject, minute_ms), contributions in parts.items():
        together = Together(contributions)
        for cell in cells_of(subject, minute_ms):
            cells.setdefault(cell, []).append(together)
    return {cell: some[0] if len(some) == 1 else Together(chain(*some)) for cell, some in cells.items()}


def _counted(known: Versioned, together: Together, settled: Settled) -> tuple[Versioned, frozenset[int]]:
    rollup, new = count_in(known.rollup, together, settled)
    return Versioned(posted(known.rollup, rollup, new, settled), known.version), new
