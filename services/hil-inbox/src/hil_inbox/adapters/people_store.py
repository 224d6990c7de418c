"""Where are the people of the inbox kept?"""

from dataclasses import dataclass

from document_store import Document, DocumentStore, Equal, VersionConflict, all_pages
from hil_inbox.domain.people import Person

COLLECTION = "people"
PEOPLE_MAX = 10_000
PAGE = 500


@dataclass(frozen=True, slots=True)
class PeopleStore:
    """Documents `people`, named `<tenant>/<actor_id>`. They are not in the log: keep them when you rebuild the rest."""

    store: DocumentStore

    async def prepare(self) -> None:
        """Declare the indexes; at each start, before use."""
        await self.store.ensure_index(COLLECTION, ("tenant", "actor_id"))

    async def get(self, tenant: str, actor_id: str) -> Person | None:
        """One person."""
        document = await self.store.get(COLLECTION, f"{tenant}/{actor_id}")
        return None if document is None else _person(document)

    async def of_tenant(self, tenant: str) -> list[Person]:
        """All people of a tenant by id, PEOPLE_MAX at most."""
        people: list[Person] = []
        async for documents in all_pages(self.store, COLLECTION, [Equal("tenant", tenant)], size=PAGE):
            people += [_person(document) for document in documents]
            if len(people) >= PEOPLE_MAX:
                break
        return people

    async def put(self, person: Person) -> Person | None:
        """Store it whatever was stored; who it was before. Raises VersionConflict when two change it at once."""
        id_ = f"{person.tenant}/{person.actor_id}"
        known = await self.store.get(COLLECTION, id_)
        version = 0 if known is None else known.version
        await self.store.put(COLLECTION, id_, person.model_dump(mode="json"), expected_version=version)
        return None if known is None else _person(known)

    async def add(self, person: Person) -> bool:
        """Store somebody new; False if there is somebody of this id."""
        id_ = f"{person.tenant}/{person.actor_id}"
        try:
            await self.store.put(COLLECTION, id_, person.model_dump(mode="json"), expected_version=0)
        except VersionConflict:
            return False
        return True


def _person(document: Document) -> Person:
    return Person.model_validate(document.body)
