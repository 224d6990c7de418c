"""What does the tool runner's API answer?"""

from pathlib import Path
from typing import TypeVar

import aiohttp
from pydantic import BaseModel, JsonValue, ValidationError

from hil.connect import address_of
from hil.outcome import unreachable

SECONDS_MAX = 10.0
Answer = TypeVar("Answer", bound=BaseModel)


async def asked(data_dir: Path, path: str, kind: type[Answer], *, body: dict[str, JsonValue] | None = None) -> Answer:
    """The answer to a GET, or to a POST of `body`. Ends the command with status 3 where no tool runner answers."""
    url = address_of("tool_runner", data_dir).rstrip("/")
    method = "GET" if body is None else "POST"
    try:
        timeout = aiohttp.ClientTimeout(total=SECONDS_MAX)
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.request(method, f"{url}{path}", json=body) as answer,
        ):
            answer.raise_for_status()
            return kind.model_validate_json(await answer.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = f"no tool runner answers at {url} ({type(error).__name__}); HIL_TOOL_RUNNER_URL names it"
        raise unreachable(reason) from error
    except ValidationError as error:
        raise unreachable(f"what answers at {url} is no tool runner") from error
