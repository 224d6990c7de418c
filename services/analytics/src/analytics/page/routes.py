"""How does a browser get the dashboards, their modules and styles, under a policy that lets no other script run?"""

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader

from http_gate.security_headers import content_policy

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
IMPORTS = {
    "preact": "/static/vendor/preact.js",
    "preact/hooks": "/static/vendor/preact-hooks.js",
    "@preact/signals": "/static/vendor/preact-signals.js",
    "@preact/signals-core": "/static/vendor/preact-signals-core.js",
    "htm": "/static/vendor/htm.js",
}
IMPORT_MAP = json.dumps({"imports": IMPORTS}, separators=(",", ":"))
IMPORT_MAP_HASH = base64.b64encode(hashlib.sha256(IMPORT_MAP.encode()).digest()).decode()
POLICY = content_policy([f"sha256-{IMPORT_MAP_HASH}"])
"""Of the shell alone; all other headers, and the policy of all other answers, are the gate's."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served; `etag` is its content's hash."""

    content: bytes
    kind: str
    etag: str


def page_routes() -> APIRouter:
    """The shell at `/` and what it loads under `/static`; there are no figures in them, so anybody may have them."""
    router = APIRouter(tags=["page"], include_in_schema=False)

    @router.get("/")
    async def shell() -> HTMLResponse:
        return HTMLResponse(_shell(), headers={"Content-Security-Policy": POLICY})

    @router.get("/static/{name:path}")
    async def static(name: str, request: Request) -> Response:
        return _answer(static_files().get(name), request.headers.get("if-none-match"))

    return router


def _answer(found: StaticFile | None, known: str | None) -> Response:
    """The file, or 304 where the browser has just this content: it asks each time, so an update is never missed."""
    if found is None:
        return Response(status_code=404)
    headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
    if known == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.kind, headers=headers)


@cache
def static_files() -> dict[str, StaticFile]:
    """All files by their path under `static`; read once. A path that is not among them is not served."""
    files = {}
    for path in sorted(STATIC.rglob("*")):
        if path.is_file() and path.suffix in KINDS:
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            files[path.relative_to(STATIC).as_posix()] = StaticFile(content, KINDS[path.suffix], etag)
    return files


@cache
def _shell() -> str:
    environment = Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=True)
    scripts = {"app.js", "vendor/uplot.js"}
    modules = [name for name in static_files() if name.endswith(".js") and name not in scripts]
    return environment.get_template("dashboard.html").render(import_map=IMPORT_MAP, modules=modules)
