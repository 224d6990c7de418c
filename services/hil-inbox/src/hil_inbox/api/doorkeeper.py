"""Which requests reach a route: those of a principal, and the few paths that are open to all?"""

import re
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hil_inbox.domain.people import NAME
from hil_inbox.domain.principal import Principal, missing_scope
from hil_inbox.domain.sessions import csrf_token
from hil_inbox.handlers.admit import Admission, Denied
from http_gate.request_origin import bearer_token, same_origin
from http_gate.secret_text import same
from http_gate.stay import answer_until
from service_kit.errors import RetryLater

OPEN = frozenset({"/login", "/healthz", "/readyz", "/metrics", "/openapi.json", "/favicon.ico"})
OPEN_FOLDERS = ("/auth/", "/static/")
NAME_OF_ACTOR = re.compile(NAME.strip("^$"))
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Cookies:
    """How the session's cookie is called, and which other origin than the request's own is ours."""

    name: str
    secure: bool
    origin: str | None


class Doorkeeper:
    """Deny by default: a route that nobody thought about is closed."""

    def __init__(self, app: ASGIApp, admission: Admission, cookies: Cookies) -> None:
        self._app, self._admission, self._cookies = app, admission, cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or is_open(scope["path"]):
            return await self._app(scope, receive, send)
        request = Request(scope)
        try:
            refused = await self._refused(request)
        except RetryLater as error:
            body = {"error": "unavailable", "detail": str(error)}
            refused = JSONResponse(body, 503, headers={"retry-after": "1"})
        if refused is not None:
            return await refused(scope, receive, send)
        if scope["method"] == "GET":
            is_over = partial(self._has_ended, request)
            return await answer_until(self._app, scope, receive, send, is_over=is_over)
        await self._app(scope, receive, send)

    async def _refused(self, request: Request) -> Response | None:
        """Why not; else the principal is in the request's state."""
        found = await self._admitted(request)
        if isinstance(found, Denied):
            return _unauthenticated(request, found)
        if request.method not in SAFE and bearer_token(request) is None:
            reason = self._forged(request)
            if reason is not None:
                return JSONResponse({"error": "csrf", "detail": reason}, 403)
        scope = missing_scope(found, request.method)
        if scope is not None:
            return JSONResponse({"error": "forbidden", "detail": f"the token lacks scope {scope}"}, 403)
        state = request.scope.setdefault("state", {})
        state["principal"] = found
        state["csrf"] = None if bearer_token(request) is not None else csrf_token(self._session(request))
        return None

    async def _admitted(self, request: Request) -> Principal | Denied:
        token = bearer_token(request)
        named = request.headers.get("hil-actor")
        if named is not None and not NAME_OF_ACTOR.fullmatch(named):
            return Denied("Hil-Actor: must have 1 to 128 letters, digits or _.@+-")
        if token is not None:
            return await self._admission.by_token(token, named=named)
        if named is not None:
            return Denied("Hil-Actor is for tokens of scope act_as")
        return await self._admission.by_session(self._session(request))

    def _session(self, request: Request) -> str:
        return request.cookies.get(self._cookies.name, "")

    def _forged(self, request: Request) -> str | None:
        """Why an unsafe request by cookie is not surely from our own page."""
        if not same_origin(request, self._cookies.origin):
            return "the request comes from another origin"
        if not same(request.headers.get("x-csrf-token", ""), csrf_token(self._session(request))):
            return "X-CSRF-Token: must hold the csrf_token of the session"
        return None

    async def _has_ended(self, request: Request) -> bool:
        try:
            return isinstance(await self._admitted(request), Denied)
        except RetryLater:
            return False  # The store is away: that ends nobody's stay.


def is_open(path: str) -> bool:
    """Whether a path needs no principal."""
    return path in OPEN or path.startswith(OPEN_FOLDERS)


def _unauthenticated(request: Request, denied: Denied) -> Response:
    """A person is asked to log in; a program is told why not."""
    wants_page = "text/html" in request.headers.get("accept", "") and request.method == "GET"
    if wants_page and not request.url.path.startswith("/v1/"):
        return RedirectResponse(f"/login?next={quote(request.url.path, safe='/')}", 303)
    return JSONResponse({"error": "unauthenticated", "detail": denied.reason}, 401, {"www-authenticate": "Bearer"})
