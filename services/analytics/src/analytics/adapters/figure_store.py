"""How are rollups, executions and the list of workflows stored and found?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analytics.domain.rollup import Cell, Rollup, Versioned
from document_store import Between, DocumentStore, Equal, Page, Sort, Stored, VersionConflict, Write
from document_store.protocol import Body, Condition

ROLLUPS, EXECUTIONS, WORKFLOWS = "rollups", "executions", "workflows"
PAGE_MAX = 1_000
INDEXES: Sequence[tuple[str, Sequence[str]]] = (
    (ROLLUPS, ("minute_ms",)),
    (ROLLUPS, ("tenant", "minute_ms")),
    (ROLLUPS, ("workflow", "minute_ms")),
    (ROLLUPS, ("tenant", "workflow", "minute_ms")),
    (EXECUTIONS, ("tenant", "key", "sequence")),
    (WORKFLOWS, ("tenant", "workflow")),
)


@dataclass(frozen=True, slots=True)
class FigureStore:
    """Documents of analytics."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        for collection, fields in INDEXES:
            await self.store.ensure_index(collection, fields)

    async def load(self, cell: Cell) -> Versioned:
        """The rollup of a cell, empty if there is none."""
        found = await self.store.get(ROLLUPS, cell.id)
        if found is None:
            return Versioned(Rollup(cell), 0)
        return Versioned(read_rollup(found.body), found.version)

    async def save(self, rollups: Sequence[Versioned]) -> list[Versioned | None]:
        """Write each if nobody else did meanwhile: as stored now, or None where somebody did."""
        writes = [Write(known.rollup.cell.id, write_rollup(known.rollup), known.version) for known in rollups]
        outcomes = await self.store.put_many(ROLLUPS, writes)
        return [
            Versioned(known.rollup, outcome.version) if isinstance(outcome, Stored) else None
            for known, outcome in zip(rollups, outcomes, strict=True)
        ]

    async def add_executions(self, executions: Mapping[str, Body]) -> set[str]:
        """Keep executions by id; the ids that are stored already with another sequence: repeats of the same end."""
        writes = [Write(id_, body, 0) for id_, body in executions.items()]
        outcomes = await self.store.put_many(EXECUTIONS, writes)
        repeats = set()
        for write, outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, VersionConflict):
                known = await self.store.get(EXECUTIONS, write.document_id)
                if known is not None and known.body["sequence"] != write.body["sequence"]:
                    repeats.add(write.document_id)
        return repeats

    async def add_workflows(self, cells: Sequence[Cell]) -> None:
        """Remember which workflow versions there are."""
        bodies = {
            f"{cell.tenant}/{cell.workflow}/{cell.version}": {
                "tenant": cell.tenant,
                "workflow": cell.workflow,
                "version": cell.version,
                "first_seen_ms": cell.minute_ms,
            }
            for cell in cells
        }
        await self.store.put_many(WORKFLOWS, [Write(id_, body, 0) for id_, body in bodies.items()])

    async def rollups(self, where: Sequence[Condition], *, from_ms: int, to_ms: int, at_most: int) -> list[Rollup]:
        """Rollups of minutes in [from, to), `at_most` + 1 of them."""
        conditions = [*where, Between("minute_ms", at_least=from_ms, below=to_ms)]
        found: list[Rollup] = []
        cursor: str | None = None
        while True:
            page = await self.store.find(ROLLUPS, conditions, sort=(Sort("minute_ms"),), limit=PAGE_MAX, cursor=cursor)
            found += [read_rollup(document.body) for document in page.documents]
            cursor = page.next_cursor
            if cursor is None or len(found) > at_most:
                return found[: at_most + 1]

    async def executions(self, tenant: str, key: str, *, limit: int, cursor: str | None) -> Page:
        """Executions of a key in the order of their ends."""
        where = (Equal("tenant", tenant), Equal("key", key))
        return await self.store.find(EXECUTIONS, where, sort=(Sort("sequence"),), limit=limit, cursor=cursor)

    async def workflows(self, tenant: str | None, *, limit: int, cursor: str | None) -> Page:
        """Known workflow versions."""
        where = () if tenant is None else (Equal("tenant", tenant),)
        return await self.store.find(WORKFLOWS, where, sort=(Sort("workflow"),), limit=limit, cursor=cursor)


def write_rollup(rollup: Rollup) -> Body:
    """A rollup as a document; pairs, because names may hold dots."""
    cell = rollup.cell
    return {
        "tenant": cell.tenant,
        "workflow": cell.workflow,
        "version": cell.version,
        "minute_ms": cell.minute_ms,
        "counts": sorted([name, count] for name, count in rollup.counts.items()),
        "latency": sorted([bucket, count] for bucket, count in rollup.latency.items()),
        "log": rollup.log,
        "floor": rollup.floor,
        "applied": sorted(rollup.applied),
    }


def read_rollup(body: Mapping[str, object]) -> Rollup:
    """The document as a rollup."""
    counts, latency, applied = body["counts"], body["latency"], body["applied"]
    minute_ms, floor = body["minute_ms"], body["floor"]
    assert isinstance(counts, list) and isinstance(latency, list) and isinstance(applied, list)
    assert isinstance(minute_ms, int) and isinstance(floor, int)
    return Rollup(
        cell=Cell(str(body["tenant"]), str(body["workflow"]), str(body["version"]), minute_ms),
        counts={name: count for name, count in counts},
        latency={bucket: count for bucket, count in latency},
        log=str(body["log"]),
        floor=floor,
        applied=frozenset(applied),
    )
