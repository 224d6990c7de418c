"""An OpenID provider on loopback: PKCE is enforced, codes are used once, and id tokens go wrong as ordered."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from aiohttp import web
from joserfc import jws
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID = "hil-inbox"
CLIENT_SECRET = "secret-of-the-inbox"


@dataclass
class IdentityProvider:
    """`claims` are changed and added to those of the next tokens; `algorithm` is how they are signed."""

    port: int = 0
    claims: dict[str, object] = field(default_factory=dict)
    algorithm: str = "RS256"
    use_foreign_key: bool = False
    exchanges: int = 0
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}))
    _foreign: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}))
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def discovery(self, _: web.Request) -> web.Response:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return web.json_response({"issuer": self.url} | {name: f"{self.url}/{path}" for name, path in names.items()})

    async def keys(self, _: web.Request) -> web.Response:
        return web.json_response(KeySet([self._key]).as_dict(private=False))

    async def authorize(self, request: web.Request) -> web.Response:
        """The person agrees at once."""
        asked = dict(request.query)
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.exchanges += 1
        asked = self._codes.pop(form["code"], None)
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        if request.headers.get("authorization") != f"Basic {basic}":
            return web.json_response({"error": "invalid_client"}, status=401)
        answer = {"access_token": "x", "token_type": "bearer", "id_token": self.id_token(asked["nonce"])}
        return web.json_response(answer)

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "subject-1",
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "name": "Ana Lyst",
            "email": "ana@example.com",
            "email_verified": True,
            "groups": ["agents", "billing"],
            **self.claims,
        }
        if self.algorithm == "none":
            return f"{_part({'alg': 'none'})}.{_part(claims)}."
        if self.algorithm == "HS256":  # Signed with what everybody knows: the public key.
            return _hs256(claims, self._key.as_pem(private=False))
        key = self._foreign if self.use_foreign_key else self._key
        return jws.serialize_compact({"alg": "RS256", "kid": "k1"}, json.dumps(claims), key)


def _hs256(claims: dict[str, object], key: bytes) -> str:
    text = f"{_part({'alg': 'HS256', 'kid': 'k1'})}.{_part(claims)}"
    signature = base64.urlsafe_b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    return f"{text}.{signature}"


def _part(content: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@asynccontextmanager
async def identity_provider() -> AsyncIterator[IdentityProvider]:
    provider = IdentityProvider()
    app = web.Application()
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", provider.discovery),
            web.get("/keys", provider.keys),
            web.get("/authorize", provider.authorize),
            web.post("/token", provider.token),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.port = int(runner.addresses[0][1])
    try:
        yield provider
    finally:
        await runner.cleanup()
