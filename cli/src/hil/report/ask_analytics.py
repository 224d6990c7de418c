"""What does analytics answer, asked with the token of who runs the command?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import aiohttp
from pydantic import JsonValue

from hil.analytics_access import TOKEN_VARIABLE, token_of
from hil.connect import address_of
from hil.outcome import CommandError, bad_input, unreachable

SECONDS_MAX = 30.0
Answer = dict[str, JsonValue]


class Ask(Protocol):
    """A GET, or a POST of `body`; None where the service has nothing of the kind. Ends the command where it refuses."""

    async def __call__(self, path: str, body: Mapping[str, JsonValue] | None = None) -> Answer | None: ...


def analytics(http: aiohttp.ClientSession, data_dir: Path) -> Ask:
    """Where HIL_ANALYTICS_URL or the data directory says that it is."""
    url, known = address_of("analytics", data_dir).rstrip("/"), token_of(data_dir)
    headers = {"Authorization": f"Bearer {known}"} if known else {}

    async def ask(path: str, body: Mapping[str, JsonValue] | None = None) -> Answer | None:
        method = "GET" if body is None else "POST"
        timeout = aiohttp.ClientTimeout(total=SECONDS_MAX)
        try:
            async with http.request(method, url + path, json=body, headers=headers, timeout=timeout) as response:
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise unreachable(
                f"no analytics answers at {url} ({type(error).__name__}); HIL_ANALYTICS_URL names it"
            ) from error
        return _accepted(response.status, path, answer)

    return ask


def _accepted(status: int, path: str, answer: JsonValue) -> Answer | None:
    if status == 404:
        return None
    if status in (401, 403):
        raise bad_input(f"analytics refuses {path} ({status}): {_told(answer)}; {TOKEN_VARIABLE} holds a token")
    if status == 422:
        raise bad_input(f"analytics cannot answer {path}: {_told(answer)}")
    if status >= 400 or not isinstance(answer, dict):
        raise CommandError(f"analytics failed to answer {path} ({status}): {_told(answer)}")
    return answer


def _told(answer: JsonValue) -> str:
    """The service's own words."""
    told = answer if isinstance(answer, dict) else {}
    problems = told.get("problems")
    if isinstance(problems, list):
        return "; ".join(f"{one['field']}: {one['problem']}" for one in problems if isinstance(one, dict))[:500]
    return str(told.get("detail") or told.get("error") or "it does not say why")[:500]
