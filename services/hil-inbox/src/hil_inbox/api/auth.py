"""Logging in and out: the form, the one-time link, and the way over an identity provider."""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from hil_inbox.api.doorkeeper import Cookies
from hil_inbox.api.login_page import LoginPage
from hil_inbox.domain.sessions import csrf_token
from hil_inbox.handlers.admit import Admission, Denied
from hil_inbox.handlers.front_desk import FrontDesk, NotLetIn, Opened
from http_gate.client_address import client_address
from http_gate.request_origin import same_origin
from http_gate.safe_next import safe_next
from http_gate.secret_text import same

FORM_BYTES_MAX = 4_096
FOREIGN = "The form was not sent from this page. Try again."
Text = Annotated[str, Query(max_length=8_192)]


class Entrance:
    """What the login routes share."""

    def __init__(self, desk: FrontDesk, admission: Admission, cookies: Cookies, proxies: tuple[str, ...]) -> None:
        self.desk, self.admission, self.cookies = desk, admission, cookies
        self._proxies = proxies
        self.page = LoginPage(None if desk.oidc is None else desk.oidc.provider.label)

    def address(self, request: Request) -> str:
        """Who asks."""
        peer = request.client.host if request.client is not None else ""
        return client_address(peer, request.headers.get("x-forwarded-for", ""), self._proxies)

    def session(self, request: Request) -> str:
        """The session's text, as the browser says it."""
        return request.cookies.get(self.cookies.name, "")

    def let_in(self, opened: Opened, next_path: str) -> Response:
        """To where they wanted to go, with the cookie."""
        answer = RedirectResponse(safe_next(next_path), 303)
        # A page's scripts cannot read it, and other sites cannot make the browser send it with a POST.
        answer.set_cookie(
            self.cookies.name, opened.session, httponly=True, samesite="lax", secure=self.cookies.secure, path="/"
        )
        return answer

    def answer(self, found: Opened | NotLetIn, next_path: str) -> Response:
        """In, or the form again."""
        return self.page.refused(found, next_path) if isinstance(found, NotLetIn) else self.let_in(found, next_path)

    async def form(self, request: Request) -> dict[str, str] | None:
        """The fields of a form of our own page; None if it is not one."""
        return await read_form(request) if same_origin(request, self.cookies.origin) else None

    def redirect_uri(self, request: Request) -> str:
        """Where the identity provider sends the browser back to."""
        return f"{self.cookies.origin or str(request.base_url).rstrip('/')}/auth/oidc/callback"


def auth_routes(entrance: Entrance) -> APIRouter:
    """Everything that is open to people without a session, but the provider's way."""
    router = APIRouter(tags=["login"])
    for part in (_form_routes(entrance), _link_routes(entrance), _session_routes(entrance)):
        router.include_router(part)
    return router


def _form_routes(entrance: Entrance) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    page = entrance.page

    @router.get("/login")
    async def login_page(next_path: Annotated[str, Query(alias="next", max_length=500)] = "/") -> HTMLResponse:
        return page.form(safe_next(next_path))

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        form = await entrance.form(request)
        if form is None:
            return page.form("/", problem=FOREIGN, status=400)
        account, secret = form.get("account", "")[:128], form.get("secret", "")[:200]
        found = await entrance.desk.by_secret(account, secret, address=entrance.address(request))
        return entrance.answer(found, safe_next(form.get("next", "/")))

    @router.get("/auth/login.css")
    async def style() -> Response:
        return Response(page.style, media_type="text/css", headers={"cache-control": "max-age=3600"})

    return router


def _link_routes(entrance: Entrance) -> APIRouter:
    router = APIRouter(prefix="/auth/first", include_in_schema=False)

    @router.get("")
    async def first_page(code: Text = "") -> HTMLResponse:
        """Opening the link uses nothing up: programs open links, too."""
        return entrance.page.link(code)

    @router.post("")
    async def first(request: Request) -> Response:
        form = await entrance.form(request)
        if form is None:
            return entrance.page.form("/", problem=FOREIGN, status=400)
        return entrance.answer(
            await entrance.desk.by_code(form.get("code", ""), address=entrance.address(request)), "/"
        )

    return router


def _session_routes(entrance: Entrance) -> APIRouter:
    router = APIRouter(prefix="/auth")

    @router.get("/session")
    async def session(request: Request) -> JSONResponse:
        """Who is logged in, with the token for X-CSRF-Token."""
        text = entrance.session(request)
        found = await entrance.admission.by_session(text)
        if isinstance(found, Denied):
            return JSONResponse({"error": "unauthenticated", "detail": found.reason}, 401)
        who = {"tenant": found.tenant, "actor_id": found.actor_id, "name": found.name, "role": found.role}
        return JSONResponse({**who, "csrf_token": csrf_token(text)})

    @router.post("/logout", status_code=204)
    async def log_out(request: Request) -> Response:
        """Ends the session; the header X-CSRF-Token says that the page wants it."""
        text = entrance.session(request)
        is_ours = same(request.headers.get("x-csrf-token", ""), csrf_token(text))
        if not is_ours or not same_origin(request, entrance.cookies.origin):
            return JSONResponse({"error": "csrf", "detail": "X-CSRF-Token: must be that of the session"}, 403)
        await entrance.desk.log_out(text)
        entrance.admission.forget_all()
        answer = Response(status_code=204)
        answer.delete_cookie(entrance.cookies.name, httponly=True, secure=entrance.cookies.secure, path="/")
        return answer

    return router


async def read_form(request: Request) -> dict[str, str] | None:
    """The fields of a small form, the first value of each; None if it is not one."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    body = await request.body()
    if kind != "application/x-www-form-urlencoded" or len(body) > FORM_BYTES_MAX:
        return None
    try:
        return {name: values[0] for name, values in parse_qs(body.decode(), max_num_fields=10).items()}
    except (UnicodeDecodeError, ValueError):
        return None
