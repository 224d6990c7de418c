"""How does whoever has a shell where the service runs make a token, before there is anybody to ask for one?"""

import sys
import time

from pydantic import ValidationError

from analytics.adapters.access_store import AccessStore
from analytics.domain.tokens import Wanted
from analytics.settings import Settings
from document_store import opened_store


async def create_token(settings: Settings, label: str, tenant: str) -> int:
    """Print a new admin's token of the tenant (`*`: of every one), good for 90 days; the exit status."""
    try:
        wanted = Wanted(label=label, tenants=(tenant,), role="admin")
    except ValidationError as error:
        first = error.errors()[0]
        sys.stderr.write(f"{'.'.join(map(str, first['loc']))}: {first['msg']} (got {str(first['input'])[:80]!r})\n")
        return 2
    async with opened_store(settings.store_url) as store:
        access = AccessStore(store)
        await access.prepare()
        sys.stdout.write(f"{await access.make_token(wanted, now_ms=time.time_ns() // 1_000_000)}\n")
    return 0
