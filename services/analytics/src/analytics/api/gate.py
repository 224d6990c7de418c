"""What stands before every route, and does every route ask who its caller is?"""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from analytics.adapters.access_store import AccessStore
from analytics.api.access import add_refusals, current
from analytics.api.doorkeeper import Doorkeeper, House, is_open
from analytics.api.sign_in import Entrance, sign_in_routes
from analytics.domain.tokens import HOUR_MS
from analytics.handlers.admit import Admission
from document_store import DocumentStore
from http_gate.body_limit import BodyLimit
from http_gate.security_headers import LOOPBACK, AllowedHosts, SecurityHeaders, content_policy

log = structlog.get_logger()
BODY_BYTES_MAX = 64 * 1024
PAGE_PATHS = frozenset({"/"})
"""For callers only, and without a tenant's rows: what a page shows it asks for under `/v1`."""


async def admission_by(store: DocumentStore, session_hours: float, now_ms: Callable[[], int]) -> Admission:
    """Who is let in by the store's tokens and sessions."""
    access = AccessStore(store)
    await access.prepare()
    return Admission(access, int(session_hours * HOUR_MS), now_ms)


def add_gate(app: FastAPI, admission: Admission | None, house: House) -> None:
    """The middleware, of which the last one added comes first, and the way in. After all other routes. Raises
    AssertionError if one of them does not ask for its caller."""
    app.include_router(sign_in_routes(Entrance(admission, house)))
    add_refusals(app)
    app.add_middleware(Doorkeeper, admission=admission, house=house)
    app.add_middleware(BodyLimit, bytes_max=BODY_BYTES_MAX)
    app.add_middleware(AllowedHosts, hosts=_names(house), setting="ANALYTICS_ALLOWED_HOSTS")
    https_only = "max-age=31536000" if house.is_https else ""
    app.add_middleware(SecurityHeaders, policy=content_policy(), https_only=https_only)
    if admission is None:
        log.warning("access.open", detail="everybody on this machine is an admin of every tenant")
    forgotten = sorted(routes_without_caller(app))
    assert not forgotten, f"routes that do not ask for a caller (api/access.py): {', '.join(forgotten)}"


def routes_without_caller(app: FastAPI) -> Iterator[str]:
    """Routes that are neither open nor the page, and do not depend on `current`."""
    for route in iter_route_contexts(app.routes):
        path = route.path or ""
        if not is_open(path) and path not in PAGE_PATHS and not _asks(getattr(route, "dependant", None)):
            yield path


def _asks(dependant: Dependant | None) -> bool:
    if dependant is None:
        return False
    return dependant.call is current or any(_asks(one) for one in dependant.dependencies)


def _names(house: House) -> frozenset[str]:
    public = urlsplit(house.public_url or "").hostname
    return LOOPBACK | {name.lower() for name in house.hosts} | ({public} if public else frozenset())
