"""What was kept of the conversations that had business events or ratings in a period?"""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.adapters.figure_store import CONVERSATIONS, PAGE_MAX
from analytics.adapters.rollup_documents import read_moments
from document_store import Between, DocumentStore, Sort
from document_store.protocol import Condition


@dataclass(frozen=True, slots=True)
class KpiStore:
    """Reads the conversations that are counted."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the index; at each start, before use."""
        await self.store.ensure_index(CONVERSATIONS, ("worth_last_ms", "worth_first_ms", "tenant"))

    async def conversations(
        self, seen: Sequence[Condition], *, from_ms: int, to_ms: int, at_most: int
    ) -> list[dict[str, int]]:
        """The moments of those of the tenants seen that may have some in [from, to); `at_most` + 1 of them."""
        where = [Between("worth_last_ms", at_least=from_ms), Between("worth_first_ms", below=to_ms), *seen]
        found: list[dict[str, int]] = []
        cursor: str | None = None
        while len(found) <= at_most:
            page = await self.store.find(
                CONVERSATIONS, where, sort=(Sort("worth_last_ms"),), limit=PAGE_MAX, cursor=cursor
            )
            found += [read_moments(document.body) for document in page.documents]
            cursor = page.next_cursor
            if cursor is None:
                break
        return found[: at_most + 1]
