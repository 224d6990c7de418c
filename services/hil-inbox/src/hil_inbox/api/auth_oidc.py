"""The way over an identity provider: there, and back."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from hil_inbox.api.auth import Entrance
from hil_inbox.domain.oidc import PENDING_MINUTES, Rejected
from hil_inbox.handlers.front_desk import NotLetIn
from http_gate.safe_next import safe_next
from service_kit.errors import RetryLater

AWAY = "The identity provider does not answer. Try again in a minute."
Text = Annotated[str, Query(max_length=8_192)]


def oidc_routes(entrance: Entrance) -> APIRouter:
    """Only with HIL_INBOX_OIDC_FILE."""
    router = APIRouter(prefix="/auth/oidc", include_in_schema=False)
    desk, page, cookie = entrance.desk, entrance.page, f"{entrance.cookies.name}_login"

    @router.get("/start")
    async def start(request: Request, next_path: Annotated[str, Query(alias="next", max_length=500)] = "/") -> Response:
        wanted = safe_next(next_path)
        try:
            found = await desk.oidc_start(entrance.redirect_uri(request), wanted, address=entrance.address(request))
        except (RetryLater, Rejected):
            return page.form(wanted, problem=AWAY, status=503)
        if isinstance(found, NotLetIn):
            return page.refused(found, wanted)
        url, browser = found
        answer = RedirectResponse(url, 303)
        seconds = PENDING_MINUTES * 60
        secure = entrance.cookies.secure
        answer.set_cookie(cookie, browser, max_age=seconds, httponly=True, samesite="lax", secure=secure, path="/")
        return answer

    @router.get("/callback")
    async def callback(request: Request, state: Text = "", code: Text = "") -> Response:
        browser = request.cookies.get(cookie, "")
        try:
            found = await desk.by_oidc(state, code, browser, address=entrance.address(request))
        except RetryLater:
            return page.form("/", problem=AWAY, status=503)
        if isinstance(found, NotLetIn):
            return page.refused(found, "/")
        answer = entrance.let_in(*found)
        answer.delete_cookie(cookie, httponly=True, secure=entrance.cookies.secure, path="/")
        return answer

    return router
