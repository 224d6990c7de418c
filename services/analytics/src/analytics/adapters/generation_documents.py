"""Where is it kept which generation of figures serves, and which one is built?"""

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from pydantic import TypeAdapter

from analytics.domain.generations import Generations
from document_store import DocumentStore, VersionConflict

COLLECTION, DOCUMENT = "generations", "figures"
_READ = TypeAdapter(Generations)


@dataclass(frozen=True, slots=True)
class GenerationDocuments:
    """One document, so that going over from one generation to the next is one write."""

    store: DocumentStore

    async def load(self) -> tuple[Generations, int]:
        """What is kept, with the version to write it; the first generation before anything was."""
        found = await self.store.get(COLLECTION, DOCUMENT)
        return (Generations(), 0) if found is None else (_READ.validate_python(found.body), found.version)

    async def change(self, change: Callable[[Generations], Generations]) -> Generations:
        """What is kept after this change; made again where somebody else wrote meanwhile."""
        while True:
            known, version = await self.load()
            after = change(known)
            with suppress(VersionConflict):
                if after != known:
                    await self.save(after, version)
                return after

    async def save(self, known: Generations, version: int) -> int:
        """The new version. Raises VersionConflict where somebody else wrote meanwhile."""
        body = dataclasses.asdict(known)
        body["retired"] = {str(number): at_ms for number, at_ms in known.retired.items()}
        return await self.store.put(COLLECTION, DOCUMENT, body, expected_version=version)
