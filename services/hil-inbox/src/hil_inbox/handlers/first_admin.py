"""How does the first admin get in, before there is anybody who could let them in?"""

import secrets

from document_store import DocumentStore
from hil_inbox.adapters.one_time_store import OneTimeStore
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.domain.people import Person
from hil_inbox.domain.sessions import CODE_MINUTES
from hil_inbox.handlers.front_desk import CODE

FIRST_ADMIN = "you"


async def new_link(store: DocumentStore, person: Person, address: str, *, now_ms: int) -> str:
    """What a person opens to get in, once and within CODE_MINUTES."""
    codes, code = OneTimeStore(store), secrets.token_urlsafe(32)
    await codes.prepare()
    who = {"tenant": person.tenant, "actor_id": person.actor_id}
    await codes.add(code, CODE, who, expires_ms=now_ms + CODE_MINUTES * 60_000)
    return f"{address.rstrip('/')}/auth/first?code={code}"


async def first_link(store: DocumentStore, address: str, *, tenant: str, now_ms: int) -> str | None:
    """A link for the tenant's first admin, who is made if there is nobody yet; None if that admin was taken away."""
    people = PeopleStore(store)
    await people.prepare()
    if not await people.of_tenant(tenant):
        await people.add(Person(tenant=tenant, actor_id=FIRST_ADMIN, name="You", role="admin"))
    person = await people.get(tenant, FIRST_ADMIN)
    if person is None or person.disabled or person.role != "admin":
        return None
    return await new_link(store, person, address, now_ms=now_ms)
