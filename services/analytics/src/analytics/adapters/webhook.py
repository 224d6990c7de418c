"""How does a receiver outside hear of an alert?"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx2
from pydantic import JsonValue, SecretStr

from service_kit.errors import RetryLater

POST_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts to one address, which may hold a secret and so is never said."""

    http: httpx2.AsyncClient
    url: SecretStr
    token: SecretStr | None

    async def post(self, body: Mapping[str, JsonValue]) -> None:
        """Returns once the receiver has taken it (2xx). Raises RetryLater for anything else."""
        headers = {} if self.token is None else {"authorization": f"Bearer {self.token.get_secret_value()}"}
        try:
            async with self.http.stream(
                "POST", self.url.get_secret_value(), json=dict(body), headers=headers
            ) as answer:  # Of which only the head is read.
                status = answer.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise RetryLater(f"webhook of alerts: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise RetryLater(f"webhook of alerts: it answered {status}")


@asynccontextmanager
async def webhook(url: SecretStr | None, token: SecretStr | None) -> AsyncIterator[Webhook | None]:
    """None without an address. Redirects are not followed: the token is for this one."""
    if url is None:
        yield None
        return
    limits = httpx2.Limits(max_connections=4, max_keepalive_connections=1)
    async with httpx2.AsyncClient(timeout=POST_SECONDS, limits=limits, trust_env=False, follow_redirects=False) as http:
        yield Webhook(http, url, token)
