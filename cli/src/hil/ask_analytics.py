"""What does the API of analytics answer?"""

import asyncio
from pathlib import Path

import aiohttp
from pydantic import JsonValue, TypeAdapter, ValidationError

from hil.analytics_access import TOKEN_VARIABLE, token_of
from hil.connect import address_of
from hil.outcome import CommandError, bad_input, unreachable

SECONDS_MAX = 60.0
JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def asked(data_dir: Path, path: str) -> bytes:
    """The answer to a GET, with the token of HIL_ANALYTICS_TOKEN or the one that `hil up` keeps. Ends the command with
    status 3 where no analytics answers, 2 where it refuses."""
    token = token_of(data_dir)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return asyncio.run(_asked(address_of("analytics", data_dir).rstrip("/"), path, headers))


async def _asked(url: str, path: str, headers: dict[str, str]) -> bytes:
    timeout = aiohttp.ClientTimeout(total=SECONDS_MAX)
    try:
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as http, http.get(f"{url}{path}") as answer:
            body = await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = f"no analytics answers at {url} ({type(error).__name__}); HIL_ANALYTICS_URL names it"
        raise unreachable(reason) from error
    if answer.status == 503:
        raise unreachable(f"analytics at {url}: {_detail(body)}")
    if answer.status >= 500:
        raise CommandError(f"analytics at {url} answers {answer.status}")
    if answer.status in (401, 403):
        raise bad_input(f"{_detail(body)} ({TOKEN_VARIABLE} holds the token)")
    if answer.status >= 400:
        raise bad_input(_detail(body))
    return body


def _detail(body: bytes) -> str:
    try:
        answer = JSON.validate_json(body)
    except ValidationError:
        return "it refuses without a word"
    return str(answer.get("detail", answer) if isinstance(answer, dict) else answer)[:500]
