"""Where is it kept which generation of figures serves, and which one is built?"""

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from pydantic import TypeAdapter

from analytics.domain.generations import FORMAT, Generations
from document_store import DocumentStore, VersionConflict

COLLECTION = "generations"
DOCUMENTS = ("figures", *(f"figures_{number}" for number in range(2, FORMAT + 1)))
"""Of each format, ours the last."""
_READ = TypeAdapter(Generations)


@dataclass(frozen=True, slots=True)
class GenerationDocuments:
    """One document, so that going over from one generation to the next is one write."""

    store: DocumentStore

    async def load(self) -> tuple[Generations, int]:
        """What is kept, with the version to write it. Before anything is: what serves of the format before, or the
        first generation."""
        found = await self.store.get(COLLECTION, DOCUMENTS[-1])
        if found is not None:
            return _READ.validate_python(found.body), found.version
        for name in reversed(DOCUMENTS[:-1]):
            older = await self.store.get(COLLECTION, name)
            if older is not None:
                known = _READ.validate_python(older.body)
                return Generations(known.serving, known.format, known.newest), 0
        return Generations(), 0

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
        return await self.store.put(COLLECTION, DOCUMENTS[-1], body, expected_version=version)
