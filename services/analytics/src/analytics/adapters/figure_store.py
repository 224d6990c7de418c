"""How are rollups, executions and the list of workflows stored and found?"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from analytics.adapters.rollup_documents import read_figures, read_rollup, write_rollup
from analytics.domain.cells import COARSER, SPANS_MS, Cell, Family, Span, Subject, stretches
from analytics.domain.rollup import Rollup, Versioned
from document_store import (
    Between,
    Document,
    DocumentStore,
    Equal,
    OneOf,
    Page,
    Sort,
    Stored,
    VersionConflict,
    Write,
    all_pages,
)
from document_store.limits import ONE_OF_MAX
from document_store.protocol import DOCUMENT_ID, Body, Condition

FIGURES, CONVERSATIONS, EXECUTIONS, WORKFLOWS = "figures", "conversations", "executions", "workflows"
EXPERIMENT_UNITS, EXPERIMENT_SUMS = "experiment_units", "experiment_sums"
CELLS = (FIGURES, CONVERSATIONS, EXPERIMENT_UNITS, EXPERIMENT_SUMS)
COLLECTIONS = (*CELLS, EXECUTIONS, WORKFLOWS)
OTHER_COLLECTIONS: Mapping[Family, str] = {
    "conversations": CONVERSATIONS,
    "experiments": EXPERIMENT_UNITS,
    "arms": EXPERIMENT_SUMS,
    "arm_ratings": EXPERIMENT_SUMS,
}
"""Of families that are not among all other figures."""
PAGE_MAX = 1_000
ANSWERS_KEPT_MAX = 20_000
"""Rollups that were read for answers, some 2 KB each."""
INDEXES: Sequence[tuple[str, Sequence[str]]] = (
    (FIGURES, ("family", "span", "start_ms")),
    (FIGURES, ("tenant", "family", "span", "start_ms")),
    (FIGURES, ("tenant", "family", "span", "workflow", "start_ms")),
    (EXPERIMENT_SUMS, ("tenant", "experiment", "family", "span", "start_ms")),
    (CONVERSATIONS, ("tenant", "listed.began_ms", "listed.workflow", "listed.handed_over", "listed.resolution")),
    (EXECUTIONS, ("tenant", "key", "sequence")),
    (EXECUTIONS, ("tenant", "at_ms", "workflow", "ended", "sink")),
    (EXECUTIONS, ("tenant", "workflow", "at_ms", "ended", "sink")),
    (WORKFLOWS, ("tenant", "workflow")),
)


@dataclass(slots=True)
class FigureStore:
    """Documents of one generation of figures. Who serves lets it go on to the next one, for all who hold it.
    `is_complete`: they hold all that is counted now (generations.py, FORMAT)."""

    store: DocumentStore
    generation: int = 1
    is_complete: bool = True
    _answers: OrderedDict[tuple[str, str], tuple[int, Rollup]] = field(default_factory=OrderedDict)

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        for collection, fields in INDEXES:
            await self.store.ensure_index(self.named(collection), fields)

    async def remove(self) -> None:
        """Everything of this generation."""
        for collection in COLLECTIONS:
            await self.store.drop(self.named(collection))

    async def has_any(self) -> bool:
        """Whether anything was ever counted."""
        return await self.store.count(self.named(FIGURES), at_most=1) > 0

    def coarsest(self, family: Family, dimensions: Iterable[str]) -> Family:
        """The same figures by the fewest dimensions that are enough."""
        coarser, known = COARSER.get(family, (family, frozenset[str]()))
        return coarser if self.is_complete and known.issuperset(dimensions) else family

    def named(self, collection: str) -> str:
        """A collection of this generation; the first has the names of before there were others."""
        return collection if self.generation == 1 else f"{collection}_g{self.generation}"

    async def load(self, cells: Sequence[Cell]) -> dict[Cell, Versioned]:
        """The rollups of these cells, empty where there is none."""
        known = {cell: Versioned(Rollup(cell), 0) for cell in cells}
        for collection in CELLS:
            ids = [cell.id for cell in cells if _collection(cell.subject.family) == collection]
            for start in range(0, len(ids), ONE_OF_MAX):
                asked = OneOf(DOCUMENT_ID, ids[start : start + ONE_OF_MAX])
                page = await self.store.find(self.named(collection), (asked,), limit=ONE_OF_MAX)
                for document in page.documents:
                    rollup = read_rollup(document.body)
                    known[rollup.cell] = Versioned(rollup, document.version)
        return known

    async def save(self, rollups: Sequence[Versioned]) -> list[Versioned | None]:
        """Write each if nobody else did meanwhile: as stored now, or None where somebody did."""
        saved: dict[Cell, Versioned | None] = {}
        for collection in CELLS:
            here = [known for known in rollups if _collection(known.rollup.cell.subject.family) == collection]
            writes = [Write(known.rollup.cell.id, write_rollup(known.rollup), known.version) for known in here]
            for known, outcome in zip(here, await self.store.put_many(self.named(collection), writes), strict=True):
                kept = Versioned(known.rollup, outcome.version) if isinstance(outcome, Stored) else None
                saved[known.rollup.cell] = kept
        return [saved[known.rollup.cell] for known in rollups]

    async def add_executions(self, executions: Mapping[str, Body]) -> set[str]:
        """Keep executions by id; the ids that are stored already with another sequence: repeats of the same end."""
        writes = [Write(id_, body, 0) for id_, body in executions.items()]
        outcomes = await self.store.put_many(self.named(EXECUTIONS), writes)
        repeats = set()
        for write, outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, VersionConflict):
                known = await self.store.get(self.named(EXECUTIONS), write.document_id)
                if known is not None and known.body["sequence"] != write.body["sequence"]:
                    repeats.add(write.document_id)
        return repeats

    async def add_workflows(self, cells: Sequence[Cell]) -> None:
        """Remember which workflow versions there are."""
        bodies = {
            f"{cell.subject.tenant}/{cell.subject.workflow}/{cell.subject.version}": {
                "tenant": cell.subject.tenant,
                "workflow": cell.subject.workflow,
                "version": cell.subject.version,
                "first_seen_ms": cell.start_ms,
            }
            for cell in cells
        }
        await self.store.put_many(self.named(WORKFLOWS), [Write(id_, body, 0) for id_, body in bodies.items()])

    async def rollups(
        self,
        families: Sequence[Family],
        where: Sequence[Condition],
        *,
        from_ms: int,
        to_ms: int,
        at_most: int,
        spans: tuple[Span, ...] = tuple(SPANS_MS),
    ) -> list[Rollup]:
        """What was counted in [from, to), whole minutes, as few rollups of these spans; `at_most` + 1 of them."""
        found: list[Rollup] = []
        async for page in self._rollups(families, where, from_ms=from_ms, to_ms=to_ms, spans=spans):
            found += page
            if len(found) > at_most:
                break
        return found[: at_most + 1]

    async def totals(self, families: Sequence[Family], *, until_ms: int) -> dict[str, int]:
        """Sums of the counts without a label that were stored before this minute, as `<family>.<name>`."""
        total: dict[str, int] = {}
        every = tuple(SPANS_MS)
        async for page in self._rollups(families, (), from_ms=0, to_ms=until_ms, spans=every):
            for family, name, count in _plain_counts(page):
                told = f"{family}.{name}"
                total[told] = total.get(told, 0) + count
        return total

    async def _rollups(
        self, families: Sequence[Family], where: Sequence[Condition], *, from_ms: int, to_ms: int,
        spans: tuple[Span, ...],
    ) -> AsyncIterator[list[Rollup]]:  # fmt: skip
        """In pages: thousands are read for one answer."""
        collections = {family: self.named(_collection(family)) for family in families}  # Of one generation.
        for family, collection in collections.items():
            for span, since_ms, until_ms in stretches(from_ms, to_ms, spans=spans):
                time = Between("start_ms", at_least=since_ms, below=until_ms)
                conditions = (*where, Equal("family", family), Equal("span", span), time)
                async for documents in self._found(collection, conditions):
                    yield [self._kept(collection, document) for document in documents]

    def _kept(self, collection: str, document: Document) -> Rollup:
        """Read once for each version: most of what is asked for does not change any more, and reading a document costs
        five times as much as getting it."""
        place = collection, document.id
        version, rollup = self._answers.pop(place, (0, None))
        if rollup is None or version != document.version:
            rollup = read_figures(document.body)
        self._answers[place] = document.version, rollup
        if len(self._answers) > ANSWERS_KEPT_MAX:
            self._answers.popitem(last=False)
        return rollup

    async def errors(self, *, from_ms: int, to_ms: int, at_most: int) -> list[Rollup]:
        """The errors of nodes in [from, to), whole minutes, with their moments; `at_most` + 1 rollups."""
        collection, found = self.named(FIGURES), list[Rollup]()
        for span, since_ms, until_ms in stretches(from_ms, to_ms):
            time = Between("start_ms", at_least=since_ms, below=until_ms)
            async for documents in self._found(collection, (Equal("family", "failures"), Equal("span", span), time)):
                found += [read_rollup(document.body) for document in documents]
                if len(found) > at_most:
                    return found[: at_most + 1]
        return found

    async def conversation(self, tenant: str, key: str) -> Rollup | None:
        """What was counted of a conversation."""
        id_ = Cell(Subject(tenant, "conversations", key=key), "all", 0).id
        found = await self.store.get(self.named(CONVERSATIONS), id_)
        return None if found is None else read_rollup(found.body)

    def _found(self, collection: str, where: Sequence[Condition]) -> AsyncIterator[Sequence[Document]]:
        return all_pages(self.store, collection, where, sort=(Sort("start_ms"),), size=PAGE_MAX)

    async def listed(
        self, collection: str, where: Sequence[Condition], *, sort: Sort, limit: int, cursor: str | None
    ) -> Page:
        """A page of executions or conversations, by the fields of their indexes."""
        return await self.store.find(self.named(collection), where, sort=(sort,), limit=limit, cursor=cursor)

    def all_listed(
        self, collection: str, where: Sequence[Condition], *, sort: Sort, size: int
    ) -> AsyncIterator[Sequence[Document]]:
        """All executions or conversations, in pages."""
        return all_pages(self.store, self.named(collection), where, sort=(sort,), size=size)

    async def count_listed(self, collection: str, where: Sequence[Condition], *, at_most: int) -> int:
        """How many there are in such a list, up to `at_most`."""
        return await self.store.count(self.named(collection), where, at_most=at_most)

    async def executions(self, tenant: str, key: str, *, limit: int, cursor: str | None) -> Page:
        """Executions of a key in the order of their ends."""
        where = (Equal("tenant", tenant), Equal("key", key))
        return await self.store.find(
            self.named(EXECUTIONS), where, sort=(Sort("sequence"),), limit=limit, cursor=cursor
        )

    async def workflow_names(self, where: Sequence[Condition] = ()) -> set[tuple[str, str]]:
        """(tenant, workflow) of everything that ended an execution."""
        pages = all_pages(self.store, self.named(WORKFLOWS), where, sort=(Sort("workflow"),), size=PAGE_MAX)
        return {(str(one.body["tenant"]), str(one.body["workflow"])) async for page in pages for one in page}

    async def workflows(self, where: Sequence[Condition], *, limit: int, cursor: str | None) -> Page:
        """Known workflow versions."""
        return await self.store.find(self.named(WORKFLOWS), where, sort=(Sort("workflow"),), limit=limit, cursor=cursor)


def _plain_counts(rollups: Iterable[Rollup]) -> Iterator[tuple[Family, str, int]]:
    """Those without a label."""
    for rollup in rollups:
        for name, count in rollup.counts.items():
            if "." not in name:
                yield rollup.cell.subject.family, name, count


def _collection(family: Family) -> str:
    return OTHER_COLLECTIONS.get(family, FIGURES)
