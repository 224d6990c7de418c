"""How do words of a message become findable?"""

from dataclasses import dataclass

from contracts.envelope import LogEntry
from hil_inbox.adapters.word_index import WordIndex
from hil_inbox.domain.read_model import View
from hil_inbox.domain.search_words import words_in


@dataclass(frozen=True, slots=True)
class Indexer:
    """Follows the projection; adding a word twice is adding it once."""

    index: WordIndex

    async def __call__(self, view: View, entry: LogEntry) -> None:
        words = words_in(entry)
        if words:
            await self.index.add(view.tenant, view.key, words, at_ms=entry.timestamp_ms)
