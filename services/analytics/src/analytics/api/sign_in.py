"""How does a browser get in and out: a token into the form, a session's cookie back?"""

from html import escape
from pathlib import Path
from string import Template
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from analytics.api.access import Analyst
from analytics.api.doorkeeper import House
from analytics.handlers.admit import Admission, Denied
from http_gate.request_origin import same_origin
from http_gate.safe_next import safe_next

FOLDER = Path(__file__).parent
FORM_BYTES_MAX = 4_096
FOREIGN = "The form was not sent from this page. Try again."
NOT_GOOD = "This token is unknown, expired or revoked."
NextPath = Annotated[str, Query(alias="next", max_length=500)]


class Entrance:
    """What the routes share. Without an admission everybody is in already."""

    def __init__(self, admission: Admission | None, house: House) -> None:
        self.admission, self.house = admission, house
        self.style = (FOLDER / "login.css").read_text("utf-8")
        self._page = Template((FOLDER / "login.html").read_text("utf-8"))

    def form(self, next_path: str, *, problem: str = "", status: int = 200, wait_seconds: int = 0) -> HTMLResponse:
        """The page, which says what went wrong."""
        told = f'<p role="alert" class="problem">{escape(problem)}</p>' if problem else ""
        text = self._page.substitute(problem=told, next_path=escape(next_path))
        return HTMLResponse(text, status, headers={"retry-after": str(wait_seconds)} if wait_seconds else None)

    def refused(self, denied: Denied, next_path: str) -> HTMLResponse:
        """The form again, and why."""
        if denied.wait_seconds:
            problem = f"Too many failed attempts. Try again in {denied.wait_seconds} seconds."
            return self.form(next_path, problem=problem, status=429, wait_seconds=denied.wait_seconds)
        return self.form(next_path, problem=NOT_GOOD, status=401)

    def let_in(self, session: str, next_path: str) -> Response:
        """To where they wanted to go, with the cookie. A page's scripts cannot read it, and other sites cannot make the
        browser send it with a POST."""
        answer = RedirectResponse(next_path, 303)
        answer.set_cookie(
            self.house.cookie, session, httponly=True, samesite="lax", secure=self.house.is_https, path="/"
        )
        return answer


def sign_in_routes(entrance: Entrance) -> APIRouter:
    """/login, /logout, /v1/me."""
    router = APIRouter(tags=["access"])
    for part in (_login_routes(entrance), _logout_routes(entrance)):
        router.include_router(part)

    @router.get("/v1/me")
    async def me(caller: Analyst) -> JSONResponse:
        """Your role, and the tenants that you may see; `*` is every one."""
        return JSONResponse({"name": caller.name, "role": caller.role, "tenants": sorted(caller.tenants)})

    return router


def _login_routes(entrance: Entrance) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def page(next_path: NextPath = "/") -> HTMLResponse:
        return entrance.form(safe_next(next_path))

    @router.get("/login.css")
    async def style() -> Response:
        return Response(entrance.style, media_type="text/css")

    @router.post("/login")
    async def sign_in(request: Request) -> Response:
        if not same_origin(request, entrance.house.public_url):
            return entrance.form("/", problem=FOREIGN, status=400)
        form = await _fields(request)
        next_path = safe_next(form.get("next", "/"))
        if entrance.admission is None:
            return RedirectResponse(next_path, 303)
        token = form.get("token", "").strip()[:200]
        found = await entrance.admission.sign_in(token, address=entrance.house.address(request))
        return entrance.refused(found, next_path) if isinstance(found, Denied) else entrance.let_in(found, next_path)

    return router


def _logout_routes(entrance: Entrance) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.post("/logout")
    async def sign_out(request: Request) -> Response:
        if not same_origin(request, entrance.house.public_url):
            return JSONResponse({"error": "csrf", "detail": FOREIGN}, 403)
        if entrance.admission is not None:
            await entrance.admission.sign_out(request.cookies.get(entrance.house.cookie, ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(entrance.house.cookie, httponly=True, secure=entrance.house.is_https, path="/")
        return answer

    return router


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a small form, the first value of each; none if it is not one."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    body = await request.body()
    if kind != "application/x-www-form-urlencoded" or len(body) > FORM_BYTES_MAX:
        return {}
    try:
        return {name: values[0] for name, values in parse_qs(body.decode(), max_num_fields=10).items()}
    except (UnicodeDecodeError, ValueError):
        return {}
