"""How does a test get into the inbox: a token, a person, a one-time code, straight into its store?"""

import secrets
import time

from document_store import opened_store
from hil_inbox.adapters.one_time_store import OneTimeStore
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.api.tokens import NewToken, made
from hil_inbox.domain.people import SCOPES_OF_ROLES, Person, Role, Scope
from hil_inbox.handlers.front_desk import CODE
from tests.support.kit import TENANT

ALL: tuple[Scope, ...] = ("inbox:read", "inbox:act", "inbox:supervise", "inbox:admin", "act_as")
DAY_MS = 86_400_000


async def give_token(
    store_url: str,
    *,
    tenant: str = TENANT,
    role: Role = "admin",
    scopes: tuple[Scope, ...] = ALL,
    actor_id: str | None = None,
    age_days: int = 0,
) -> str:
    """A token; of a service that may do everything and name its agents, if nothing else is said."""
    wanted = NewToken(label="of a test", actor_id=actor_id, role=role, scopes=scopes, days=90)
    now_ms = time.time_ns() // 1_000_000 - age_days * DAY_MS
    text, token = made(wanted, tenant=tenant, created_by="test", now_ms=now_ms)
    async with opened_store(store_url) as store:
        await TokenStore(store).prepare()
        await TokenStore(store).add(text, token)
    return text


async def give_person(store_url: str, actor_id: str, role: Role = "agent", *, tenant: str = TENANT) -> str:
    """A person, and a token of theirs."""
    async with opened_store(store_url) as store:
        await PeopleStore(store).prepare()
        await PeopleStore(store).put(Person(tenant=tenant, actor_id=actor_id, name=actor_id.title(), role=role))
    scopes = tuple(sorted(SCOPES_OF_ROLES[role]))
    return await give_token(store_url, tenant=tenant, role=role, scopes=scopes, actor_id=actor_id)


async def give_code(store_url: str, actor_id: str, *, tenant: str = TENANT, age_minutes: int = 0) -> str:
    """A one-time code of a person."""
    code, now_ms = secrets.token_urlsafe(32), time.time_ns() // 1_000_000
    async with opened_store(store_url) as store:
        await OneTimeStore(store).prepare()
        who = {"tenant": tenant, "actor_id": actor_id}
        await OneTimeStore(store).add(code, CODE, who, expires_ms=now_ms + (15 - age_minutes) * 60_000)
    return code


def as_agent(actor_id: str, seen: int | str) -> dict[str, str]:
    """Headers of a command that a desk sends for an agent who saw this epoch, or this entity tag."""
    return {"Hil-Actor": actor_id, "If-Match": f'"e{seen}"' if isinstance(seen, int) else seen}
