"""An OAuth 2.1 authorization server on loopback: PKCE is enforced, refresh tokens are used once, faults are ordered."""

import asyncio
import base64
import hashlib
import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote_plus, urlencode

from aiohttp import web

CLIENT_ID = "hil at test"
CLIENT_SECRET = "client-secret-of:the tests"
TOKEN_MARK = "SECRETTOKEN"
"""Every token and code holds it: what must not be seen can be searched for."""


@dataclass
class Grant:
    """What one owner has agreed to; a refresh token that is used twice ends it (RFC 9700, 4.14.2)."""

    owner: str = ""
    access: set[str] = field(default_factory=set)
    refresh: str | None = None
    used: set[str] = field(default_factory=set)
    alive: bool = True


@dataclass
class AuthorizationServer:
    """What was asked, and how the next answers go wrong."""

    port: int = 0
    lifetime_seconds: int | None = 3600
    refreshes: int = 0
    exchanges: int = 0
    revoked: list[str] = field(default_factory=list)
    secrets_given: list[str] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    faults: list[web.Response | str] = field(default_factory=list)
    """For coming token requests, in order: an answer instead of the right one, or `lost` (done, but not told)."""
    revocation_status: int = 200
    revocations: int = 0
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    hold_revocations: asyncio.Event = field(default_factory=asyncio.Event)
    issuer: str | None = None
    _codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def app(self, **fields: object) -> dict[str, object]:
        """This server as an entry of a manifest's apps; its client secret is in CLIENT_SECRET."""
        return {
            "authorize_url": f"{self.url}/authorize?audience=shop",
            "token_url": f"{self.url}/token",
            "revoke_url": f"{self.url}/revoke",
            "client_id": CLIENT_ID,
            "client_secret_env": "CLIENT_SECRET",
            "scopes": ["read", "write"],
            **fields,
        }

    def accepts(self, header: str) -> bool:
        """Whether the API behind this server lets a call with this header in."""
        return self.owner_of(header) is not None

    def owner_of(self, header: str) -> str | None:
        """Whose token this header holds; tests say who owns which grant."""
        token = header.removeprefix("Bearer ")
        return next((grant.owner for grant in self.grants if grant.alive and token in grant.access), None)

    async def authorize(self, request: web.Request) -> web.Response:
        """The owner agrees at once."""
        asked = request.query
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256", "OAuth 2.1 wants PKCE"
        code = self._token("code")
        self._codes[code] = (asked["code_challenge"], asked["redirect_uri"])
        parameters = {"code": code, "state": asked["state"]} | ({"iss": self.issuer} if self.issuer else {})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode(parameters)}")

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        refreshing = form["grant_type"] == "refresh_token"
        self.refreshes += refreshing
        self.exchanges += not refreshing
        await self.hold.wait()
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, web.Response):
            return fault
        if not _is_client(request.headers.get("authorization", "")):
            return _error("invalid_client", 401)
        answer = self._refreshed(form) if refreshing else self._exchanged(form)
        if fault == "lost":
            assert request.transport is not None
            request.transport.abort()
        return answer

    async def revoke(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.revocations += 1
        await self.hold_revocations.wait()
        token = str(form["token"])
        if self.revocation_status == 200 and _is_client(request.headers.get("authorization", "")):
            self.revoked.append(token)
            for grant in self.grants:
                if token == grant.refresh or token in grant.access:
                    grant.alive = False
        return web.Response(status=self.revocation_status)

    def _exchanged(self, form: dict[str, str]) -> web.Response:
        challenge, redirect_uri = self._codes.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if challenge != base64.urlsafe_b64encode(digest).rstrip(b"=").decode() or redirect_uri != form["redirect_uri"]:
            return _error("invalid_grant")
        grant = Grant()
        self.grants.append(grant)
        return self._answer(grant)

    def _refreshed(self, form: dict[str, str]) -> web.Response:
        token = form["refresh_token"]
        for grant in self.grants:
            if token in grant.used:
                grant.alive = False
            if token == grant.refresh and grant.alive:
                grant.used.add(token)
                return self._answer(grant)
        return _error("invalid_grant")

    def _answer(self, grant: Grant) -> web.Response:
        access, grant.refresh = self._token("access"), self._token("refresh")
        grant.access.add(access)
        body: dict[str, object] = {"access_token": access, "token_type": "bearer", "refresh_token": grant.refresh}
        return web.json_response(body | ({"expires_in": self.lifetime_seconds} if self.lifetime_seconds else {}))

    def _token(self, kind: str) -> str:
        made = f"{TOKEN_MARK}.{kind}.{next(self._numbers)}.{secrets.token_hex(8)}"
        self.secrets_given.append(made)
        return made


def _is_client(header: str) -> bool:
    client_id, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    return (unquote_plus(client_id), unquote_plus(secret)) == (CLIENT_ID, CLIENT_SECRET)


def _error(word: str, status: int = 400) -> web.Response:
    return web.json_response({"error": word, "error_description": f"{TOKEN_MARK} is quoted here"}, status=status)


@asynccontextmanager
async def authorization_server() -> AsyncIterator[AuthorizationServer]:
    server = AuthorizationServer()
    server.hold.set()
    server.hold_revocations.set()
    app = web.Application()
    app.add_routes(
        [web.get("/authorize", server.authorize), web.post("/token", server.token), web.post("/revoke", server.revoke)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = int(runner.addresses[0][1])
    try:
        yield server
    finally:
        server.hold.set()
        server.hold_revocations.set()
        await runner.cleanup()
