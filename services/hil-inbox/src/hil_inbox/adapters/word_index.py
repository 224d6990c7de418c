"""Which conversations hold a word?"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from document_store import Between, Condition, Direction, DocumentStore, Equal, Sort, Write

COLLECTION = "words"
KEYS_MAX = 1_000
"""Newest conversations of a word that a search looks at."""
REMEMBERED_MAX = 50_000
LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Keys:
    """Conversations with the time of the first mention; `is_cut` if there are more."""

    at_ms: dict[str, int]
    is_cut: bool


@dataclass(slots=True)
class WordIndex:
    """Documents `words`, one for each word of a conversation: only conditions that every store can serve."""

    store: DocumentStore
    _written: "OrderedDict[str, None]" = field(default_factory=OrderedDict)

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        await self.store.ensure_index(COLLECTION, ("tenant", "word", "at_ms"))

    async def add(self, tenant: str, key: str, words: Sequence[str], *, at_ms: int) -> None:
        """These words are in this conversation; a word that is known to be is not written again."""
        bodies = {f"{tenant}/{word}/{key}": word for word in words}
        writes = [
            Write(id_, {"tenant": tenant, "word": word, "key": key, "at_ms": at_ms}, expected_version=0)
            for id_, word in bodies.items()
            if id_ not in self._written
        ]
        if writes:
            await self.store.put_many(COLLECTION, writes)  # A conflict says that it is there.
        for write in writes:
            self._written[write.document_id] = None
        while len(self._written) > REMEMBERED_MAX:
            self._written.popitem(last=False)

    async def with_word(self, tenant: str, word: str) -> Keys:
        """Newest first."""
        return await self._found(tenant, [Equal("word", word)])

    async def with_beginning(self, tenant: str, beginning: str) -> Keys:
        """Of words that begin so."""
        return await self._found(tenant, [Between("word", at_least=beginning, below=beginning + LAST)])

    async def _found(self, tenant: str, where: list[Condition]) -> Keys:
        newest_first = (Sort("at_ms", Direction.DESCENDING),)
        page = await self.store.find(COLLECTION, [Equal("tenant", tenant), *where], sort=newest_first, limit=KEYS_MAX)
        at_ms = {str(one.body["key"]): int(cast(int, one.body["at_ms"])) for one in reversed(page.documents)}
        return Keys(at_ms, page.next_cursor is not None)
