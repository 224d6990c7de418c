"""How are an app's token and revocation endpoints asked?"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote_plus

import httpx2
from pydantic import SecretStr

from tool_runner.domain.accounts import ClientProof, OAuthClient, Tokens
from tool_runner.domain.oauth import Pending, TokenRefused, Trouble, code_request, read_token_answer, refresh_request

ANSWER_BYTES_MAX = 256 * 1024
SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Forms are posted once and redirects are not followed: a code or a token goes to the declared address only."""

    http: httpx2.AsyncClient
    seconds_max: float = SECONDS_MAX

    async def exchange(self, client: OAuthClient, code: SecretStr, pending: Pending) -> Tokens | TokenRefused:
        """Tokens for the code that the browser brought."""
        return await self._tokens(client, code_request(client, code, pending))

    async def refresh(self, client: OAuthClient, refresh: SecretStr) -> Tokens | TokenRefused:
        """New tokens. When the answer is lost, the server may have replaced the refresh token all the same."""
        return await self._tokens(client, refresh_request(client, refresh))

    async def end(self, client: OAuthClient, tokens: Tokens) -> str | None:
        """Why the server did not say that these are void (RFC 7009); None if it did, or if it has no word for that."""
        if client.revoke_url is None:
            return None
        reasons = [await self._revoked(client, client.revoke_url, tokens.access, hint="access_token")]
        if tokens.refresh is not None:
            reasons.append(await self._revoked(client, client.revoke_url, tokens.refresh, hint="refresh_token"))
        return next((reason for reason in reasons if reason is not None), None)

    async def _revoked(self, client: OAuthClient, url: str, token: SecretStr, *, hint: str) -> str | None:
        fields = {"token": token.get_secret_value(), "token_type_hint": hint}
        answer = await self._post(url, client, fields)
        if isinstance(answer, TokenRefused):
            return answer.word
        status, _ = answer
        return None if 200 <= status < 300 else f"status {status}"

    async def _tokens(self, client: OAuthClient, fields: Mapping[str, str]) -> Tokens | TokenRefused:
        answer = await self._post(client.token_url, client, fields)
        return answer if isinstance(answer, TokenRefused) else read_token_answer(*answer)

    async def _post(self, url: str, client: OAuthClient, fields: Mapping[str, str]) -> tuple[int, bytes] | TokenRefused:
        headers, proof = _proof(client)
        try:
            async with (
                asyncio.timeout(self.seconds_max),
                self.http.stream("POST", url, data={**fields, **proof}, headers=headers) as answer,
            ):
                return answer.status_code, await _bounded(answer)
        except TimeoutError:
            return TokenRefused(Trouble.UNAVAILABLE, f"no answer within {self.seconds_max:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return TokenRefused(Trouble.UNAVAILABLE, type(error).__name__)


@asynccontextmanager
async def token_endpoint() -> AsyncIterator[TokenEndpoint]:
    """With the machine's certificates, and nothing else of its environment: no proxy, no .netrc."""
    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=16)
    client = httpx2.AsyncClient(
        verify=ssl.create_default_context(),
        trust_env=False,
        follow_redirects=False,
        timeout=SECONDS_MAX,
        limits=limits,
        headers={"accept": "application/json", "accept-encoding": "identity"},
    )
    async with client:
        yield TokenEndpoint(client)


async def _bounded(answer: httpx2.Response) -> bytes:
    """As they came: what was compressed although nobody asked for it could be of any size."""
    parts, size = [], 0
    async for part in answer.aiter_raw(16_384):
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise httpx2.DecodingError(f"over {ANSWER_BYTES_MAX} bytes")
        parts.append(part)
    return b"".join(parts)


def _proof(client: OAuthClient) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and form fields that say who asks."""
    secret = client.client_secret
    match client.proof:
        case ClientProof.BASIC if secret is not None:
            pair = f"{quote_plus(client.client_id)}:{quote_plus(secret.get_secret_value())}"
            return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, {}
        case ClientProof.POST if secret is not None:
            return {}, {"client_id": client.client_id, "client_secret": secret.get_secret_value()}
    return {}, {"client_id": client.client_id}
