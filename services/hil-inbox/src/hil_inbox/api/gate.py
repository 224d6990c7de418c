"""What stands before every route: names, headers, sizes, the doorkeeper; and which routes let people in?"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from document_store import DocumentStore
from hil_inbox.adapters.attempts import Attempts
from hil_inbox.adapters.audit_store import AuditStore
from hil_inbox.adapters.oidc_client import OidcClient
from hil_inbox.adapters.one_time_store import OneTimeStore
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.session_store import SessionStore
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.api.audit import audit_routes
from hil_inbox.api.auth import Entrance, auth_routes
from hil_inbox.api.auth_oidc import oidc_routes
from hil_inbox.api.doorkeeper import Cookies, Doorkeeper
from hil_inbox.api.people import people_routes
from hil_inbox.api.principal import Forbidden
from hil_inbox.api.staff_room import StaffRoom
from hil_inbox.api.tokens import token_routes
from hil_inbox.domain.sessions import Lifetimes
from hil_inbox.handlers.admit import Admission
from hil_inbox.handlers.front_desk import FrontDesk
from http_gate.body_limit import BodyLimit
from http_gate.security_headers import LOOPBACK, AllowedHosts, SecurityHeaders, content_policy


@dataclass(frozen=True, slots=True)
class House:
    """How the service is reached: its public address if it has one, further names, and its own proxies."""

    public_url: str | None = None
    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()

    @property
    def is_https(self) -> bool:
        return self.public_url is not None and self.public_url.startswith("https://")

    @property
    def cookies(self) -> Cookies:
        """`__Host-` cookies go over https only, and no other host can set them."""
        return Cookies("__Host-hil" if self.is_https else "hil_session", self.is_https, self.public_url)

    @property
    def names(self) -> frozenset[str]:
        public = urlsplit(self.public_url or "").hostname
        return LOOPBACK | {name.lower() for name in self.hosts} | ({public} if public else frozenset())


def staff_room(
    store: DocumentStore, *, lifetimes: Lifetimes, now_ms: Callable[[], int], oidc: OidcClient | None
) -> StaffRoom:
    """Stores of people and of what lets them in."""
    people, tokens, sessions = PeopleStore(store), TokenStore(store), SessionStore(store)
    one_time, audit = OneTimeStore(store), AuditStore(store)
    desk = FrontDesk(
        people=people,
        tokens=tokens,
        sessions=sessions,
        one_time=one_time,
        attempts=Attempts(store),
        audit=audit,
        lifetimes=lifetimes,
        now_ms=now_ms,
        oidc=oidc,
    )
    return StaffRoom(
        people=people,
        tokens=tokens,
        sessions=sessions,
        one_time=one_time,
        audit=audit,
        admission=Admission(people, tokens, sessions, now_ms),
        desk=desk,
        now_ms=now_ms,
    )


def add_gate(app: FastAPI, room: StaffRoom, house: House, *, script_hashes: tuple[str, ...] = ()) -> None:
    """The middleware, of which the last one added comes first, and the routes of people."""
    app.add_middleware(Doorkeeper, admission=room.admission, cookies=house.cookies)
    app.add_middleware(BodyLimit)
    app.add_middleware(AllowedHosts, hosts=house.names, setting="HIL_INBOX_ALLOWED_HOSTS")
    https_only = "max-age=31536000" if house.is_https else ""
    app.add_middleware(SecurityHeaders, policy=content_policy(script_hashes), https_only=https_only)
    _add_forbidden(app, room)
    entrance = Entrance(room.desk, room.admission, house.cookies, house.proxies)
    for router in (auth_routes(entrance), token_routes(room), people_routes(room), audit_routes(room)):
        app.include_router(router)
    if room.desk.oidc is not None:
        app.include_router(oidc_routes(entrance))


def _add_forbidden(app: FastAPI, room: StaffRoom) -> None:
    @app.exception_handler(Forbidden)
    async def forbidden(request: Request, error: Forbidden) -> JSONResponse:
        await room.note_denied(error.principal, f"{request.method} {request.url.path[:200]}", error.needed)
        body = {"error": "forbidden", "needed_role": error.needed, "detail": str(error)}
        return JSONResponse(body, status_code=403)
