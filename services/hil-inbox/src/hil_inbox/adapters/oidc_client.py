"""How is an identity provider asked, and is an id token signed by it?"""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote_plus

import httpx2
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import JsonValue, SecretStr, ValidationError

from hil_inbox.domain.oidc import ALGORITHMS, Endpoints, Provider, Rejected
from service_kit.errors import RetryLater

ANSWER_BYTES_MAX = 512 * 1024
TOKEN_CHARACTERS_MAX = 64 * 1024
SECONDS_MAX = 10.0
KEPT_MS = 3_600_000
AGAIN_MS = 30_000
"""Keys are fetched again for an unknown key id this often, at most."""


@dataclass(slots=True)
class OidcClient:
    """Asks only where the declared issuer says. What it says is kept for an hour."""

    provider: Provider
    secret: SecretStr | None
    http: httpx2.AsyncClient
    now_ms: Callable[[], int]
    _endpoints: tuple[int, Endpoints] | None = None
    _keys: tuple[int, KeySet] | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def endpoints(self) -> Endpoints:
        """Discovery. Raises RetryLater, Rejected."""
        async with self._lock:
            if self._endpoints is not None and self.now_ms() - self._endpoints[0] < KEPT_MS:
                return self._endpoints[1]
            url = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                found = Endpoints.model_validate(await self._json("GET", url))
            except ValidationError as error:
                raise Rejected(f"discovery: {error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from None
            if found.issuer != self.provider.issuer:
                raise Rejected("discovery names another issuer")
            self._endpoints = (self.now_ms(), found)
            return found

    async def exchange(self, code: SecretStr, pending: Mapping[str, str]) -> str:
        """The id token for the code that the browser brought. Raises RetryLater, Rejected."""
        form = {
            "grant_type": "authorization_code",
            "code": code.get_secret_value(),
            "redirect_uri": pending["redirect_uri"],
            "code_verifier": pending["verifier"],
        }
        headers = {}
        if self.secret is None:
            form["client_id"] = self.provider.client_id
        else:
            pair = f"{quote_plus(self.provider.client_id)}:{quote_plus(self.secret.get_secret_value())}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        answer = await self._json("POST", (await self.endpoints()).token_endpoint, form=form, headers=headers)
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or len(token) > TOKEN_CHARACTERS_MAX:
            raise Rejected("the provider gave no id token")
        return token

    async def claims(self, token: str) -> dict[str, JsonValue]:
        """What a token says whose signature is the provider's. Raises RetryLater, Rejected."""
        for keys in (await self._key_set(AGAIN_MS * 120), await self._key_set(AGAIN_MS)):
            try:
                content = jws.deserialize_compact(token, keys, algorithms=list(ALGORITHMS)).payload
                claims = json.loads(content)
            except (JoseError, ValueError, KeyError, TypeError):
                continue
            if isinstance(claims, dict):
                return claims
        raise Rejected("the id token is not signed by the provider")

    async def _key_set(self, age_ms: int) -> KeySet:
        async with self._lock:
            if self._keys is not None and self.now_ms() - self._keys[0] < age_ms:
                return self._keys[1]
        url = (await self.endpoints()).jwks_uri
        try:
            found = KeySet.import_key_set(await self._json("GET", url))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise Rejected(f"the provider's keys cannot be read: {type(error).__name__}") from None
        self._keys = (self.now_ms(), found)
        return found

    async def _json(
        self, method: str, url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> JsonValue:
        try:
            async with (
                asyncio.timeout(SECONDS_MAX),
                self.http.stream(method, url, data=form, headers=headers) as answer,
            ):
                body = await _bounded(answer)
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise RetryLater(f"the identity provider does not answer: {type(error).__name__}") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise RetryLater(f"the identity provider answers {answer.status_code}")
        if answer.status_code != 200:
            raise Rejected(f"the identity provider answers {answer.status_code}")
        try:
            found: JsonValue = json.loads(body)
        except (ValueError, RecursionError):
            raise Rejected("the identity provider's answer is not JSON") from None
        return found


@asynccontextmanager
async def oidc_http() -> AsyncIterator[httpx2.AsyncClient]:
    """With the machine's certificates, and nothing else of its environment: no proxy, no .netrc, no redirects."""
    limits = httpx2.Limits(max_connections=16, max_keepalive_connections=4)
    async with httpx2.AsyncClient(
        verify=ssl.create_default_context(),
        trust_env=False,
        follow_redirects=False,
        timeout=SECONDS_MAX,
        limits=limits,
        headers={"accept": "application/json", "accept-encoding": "identity"},
    ) as client:
        yield client


async def _bounded(answer: httpx2.Response) -> bytes:
    parts, size = [], 0
    async for part in answer.aiter_raw(16_384):
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise httpx2.DecodingError(f"over {ANSWER_BYTES_MAX} bytes")
        parts.append(part)
    return b"".join(parts)
