"""How is the history of evaluations stored and found?"""

from collections.abc import Sequence
from dataclasses import dataclass

from document_store import DocumentStore, Page, Sort, VersionConflict
from document_store.protocol import Body, Condition, Direction

EVALUATIONS = "evaluations"
INDEXES: Sequence[Sequence[str]] = (
    ("sequence",),
    ("tenant", "sequence"),
    ("tenant", "workflow", "sequence"),
    ("tenant", "suite", "sequence"),
)


@dataclass(frozen=True, slots=True)
class EvaluationStore:
    """One document for each time that an evaluation was played or judged; none of them ever changes."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        for fields in INDEXES:
            await self.store.ensure_index(EVALUATIONS, fields)

    async def keep(self, id_: str, body: Body) -> None:
        """Kept once: the same message again finds it there."""
        try:
            await self.store.put(EVALUATIONS, id_, body, expected_version=0)
        except VersionConflict:
            return

    async def newest(self, where: Sequence[Condition], *, limit: int, cursor: str | None) -> Page:
        """The last first, of those that meet all conditions."""
        sort = (Sort("sequence", Direction.DESCENDING),)
        return await self.store.find(EVALUATIONS, where, sort=sort, limit=limit, cursor=cursor)
