"""How does whoever has a shell where the service runs become its first admin?"""

import sys
import time

from document_store import opened_store
from hil_inbox.handlers.first_admin import first_link
from hil_inbox.settings import Settings


async def first_login(settings: Settings, tenant: str) -> int:
    """Print the link of the first admin, for whoever has a shell where the service runs; the exit status."""
    async with opened_store(settings.store_url) as store:
        address = settings.public_url or f"http://127.0.0.1:{settings.http_port}"
        link = await first_link(store, address, tenant=tenant, now_ms=time.time_ns() // 1_000_000)
    sys.stdout.write(f"{link}\n" if link else "the first admin was taken away: another admin makes links\n")
    return 0 if link else 1
