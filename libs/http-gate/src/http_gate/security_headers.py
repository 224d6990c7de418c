"""What does every answer tell the browser to refuse, and under which names may the service be called?"""

from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNNAMED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked by probes, which call the service by its address; they tell nothing of anybody."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def content_policy(script_hashes: Iterable[str] = ()) -> str:
    """Only what this service serves itself; `script_hashes` (`sha256-…`) let single inline scripts in."""
    scripts = " ".join(("'self'", *(f"'{one}'" for one in script_hashes)))
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


class SecurityHeaders:
    """Adds the headers to every answer, refusals and errors among them."""

    def __init__(self, app: ASGIApp, policy: str, *, https_only: str = "") -> None:
        self._app = app
        self._headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",  # Under no-referrer browsers send our own forms with `Origin: null`.
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=()",
        }
        if https_only:
            self._headers["strict-transport-security"] = https_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


class AllowedHosts:
    """Answers 421 to a request under another name: a page elsewhere whose name was pointed here (DNS rebinding).
    `setting` is the variable that names the hosts."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], setting: str) -> None:
        self._app, self._hosts, self._setting = app, hosts, setting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] in UNNAMED or "*" in self._hosts:
            return await self._app(scope, receive, send)
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(named) == 1 and host_name(named[0]) in self._hosts:
            return await self._app(scope, receive, send)
        text = f'{{"error":"unknown_host","detail":"the Host header names no host of {self._setting}"}}'.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 421, "headers": headers})
        await send({"type": "http.response.body", "body": text})


def host_name(authority: str) -> str:
    """The host of `host:port`, in lower case and without brackets."""
    host = authority.rsplit("]", 1)[0].lstrip("[") if authority.startswith("[") else authority.split(":", 1)[0]
    return host.lower()
