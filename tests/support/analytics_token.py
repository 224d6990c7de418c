"""How does a test get into analytics: a token, straight into its store?"""

import time

from analytics.adapters.access_store import AccessStore
from analytics.domain.callers import Role
from analytics.domain.tokens import DAY_MS, Wanted
from document_store import opened_store
from tests.support.kit import TENANT


async def give_token(store_url: str, *tenants: str, role: Role = "admin", age_days: int = 0) -> str:
    """A token of these tenants, or of the tests' own."""
    wanted = Wanted(label="of a test", tenants=tenants or (TENANT,), role=role)
    async with opened_store(store_url) as store:
        access = AccessStore(store)
        await access.prepare()
        return await access.make_token(wanted, now_ms=time.time_ns() // 1_000_000 - age_days * DAY_MS)
