"""Which requests reach a route: those of a caller, and the few paths that are open to all?"""

from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from analytics.domain.callers import EVERYBODY, Caller
from analytics.handlers.admit import Admission, Denied
from http_gate.client_address import client_address
from http_gate.request_origin import bearer_token, same_origin
from http_gate.stay import answer_until
from service_kit.errors import RetryLater

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
OPEN = PROBES | {"/login", "/login.css", "/logout", "/openapi.json", "/favicon.ico"}
OPEN_FOLDERS = ("/static/",)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


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
    def cookie(self) -> str:
        """`__Host-` cookies go over https only, and no other host can set them."""
        return "__Host-hil-analytics" if self.is_https else "hil_analytics_session"

    def address(self, request: Request) -> str:
        """Who asks."""
        peer = request.client.host if request.client is not None else ""
        return client_address(peer, request.headers.get("x-forwarded-for", ""), self.proxies)


class Doorkeeper:
    """Deny by default: a route that nobody thought about is closed. Without an admission (setting `access`: open) all
    are let in, but other sites' pages."""

    def __init__(self, app: ASGIApp, admission: Admission | None, house: House) -> None:
        self._app, self._admission, self._house = app, admission, house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or is_open(scope["path"]):
            return await self._app(scope, receive, send)
        request = Request(scope)
        try:
            found = await self._admitted(request)
        except RetryLater as error:
            found = JSONResponse({"error": "unavailable", "detail": str(error)}, 503, headers={"retry-after": "1"})
        if isinstance(found, Response):
            return await found(scope, receive, send)
        scope.setdefault("state", {})["caller"] = found
        if scope["method"] == "GET":
            is_over = partial(self._has_ended, request)
            return await answer_until(self._app, scope, receive, send, is_over=is_over)
        await self._app(scope, receive, send)

    async def _admitted(self, request: Request) -> Caller | Response:
        """The caller, or the answer that refuses."""
        found = await self._caller(request)
        if isinstance(found, Denied):
            return _unauthenticated(request, found)
        if request.method not in SAFE and bearer_token(request) is None and not self._is_ours(request):
            detail = "a browser must say by Origin or Sec-Fetch-Site that the request comes from this service's page"
            return JSONResponse({"error": "csrf", "detail": detail}, 403)
        return found

    async def _caller(self, request: Request) -> Caller | Denied:
        if self._admission is None:
            return EVERYBODY
        token = bearer_token(request)
        if token is not None:
            return await self._admission.by_token(token, address=self._house.address(request))
        return await self._admission.by_session(request.cookies.get(self._house.cookie, ""))

    def _is_ours(self, request: Request) -> bool:
        """Whether an unsafe request without a token comes from our own page. One by cookie must say so."""
        is_said = "origin" in request.headers or "sec-fetch-site" in request.headers
        return (is_said or self._admission is None) and same_origin(request, self._house.public_url)

    async def _has_ended(self, request: Request) -> bool:
        try:
            return isinstance(await self._caller(request), Denied)
        except RetryLater:
            return False  # The store is away: that ends nobody's stay.


def is_open(path: str) -> bool:
    """Whether a path needs no caller."""
    return path in OPEN or path.startswith(OPEN_FOLDERS)


def _unauthenticated(request: Request, denied: Denied) -> Response:
    """A person is asked to sign in; a program is told why not."""
    if denied.wait_seconds:
        body = {"error": "too_many_failures", "detail": f"{denied.reason}; try again in {denied.wait_seconds} s"}
        return JSONResponse(body, 429, {"retry-after": str(denied.wait_seconds)})
    wants_page = "text/html" in request.headers.get("accept", "") and request.method == "GET"
    if wants_page and not request.url.path.startswith("/v1/"):
        return RedirectResponse(f"/login?next={quote(request.url.path, safe='/')}", 303)
    return JSONResponse({"error": "unauthenticated", "detail": denied.reason}, 401, {"www-authenticate": "Bearer"})
