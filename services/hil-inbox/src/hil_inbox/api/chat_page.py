"""The chat page and the script that puts it into another page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse

PAGE = Path(__file__).parents[1] / "page" / "chat"
FILES = {"chat.js": "text/javascript", "chat.css": "text/css", "embed.js": "text/javascript"}


def chat_page_routes(origins: Sequence[str]) -> APIRouter:
    """`/chat` may be framed by these origins and by no others."""
    router = APIRouter(include_in_schema=False)
    policy = "; ".join(
        (
            "default-src 'none'",
            *(f"{kind}-src 'self'" for kind in ("script", "style", "connect")),
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            " ".join(("frame-ancestors 'self'", *origins)),
        )
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    @router.get("/chat")
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html", media_type="text/html", headers=headers)

    @router.get("/chat/{name}")
    async def part(name: Literal["chat.js", "chat.css", "embed.js"]) -> FileResponse:
        return FileResponse(PAGE / name, media_type=FILES[name], headers=headers)

    return router
