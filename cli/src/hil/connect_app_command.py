"""`hil tool connect`: how does an entity's account at another app get connected?"""

import asyncio
import json
import re
import sys
from typing import Annotated

import aiohttp
import typer

from hil.connect import address_of
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, AsJson, DataDir, Tenant
from hil.outcome import CommandError, bad_input, unreachable

KEY_BYTES_MAX = 16_384
SECONDS_MAX = 15.0
APP_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
Answer = tuple[int, dict[str, object]]


def connect_app(
    app: Annotated[str, typer.Argument(help="App, as the manifest of the tool runner names it.")],
    *,
    entity: Annotated[str, typer.Option("--entity", "-e", help="Whose account it is to be.")],
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="The account is a static key: read it from the input.")
    ] = False,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Print the address at which the owner of the account agrees. It is good once and for ten minutes.

    Whoever opens it decides whose account the entity gets: give it to its owner only.
    """
    if not APP_NAME.fullmatch(app):
        raise bad_input(f"APP: {app[:80]!r} must match {APP_NAME.pattern}, as names in the manifest do")
    key = _key() if key_stdin else None
    status, answer = asyncio.run(
        _asked(address_of("tool_runner", data_dir), app, {"tenant": tenant, "entity": entity}, key)
    )
    if status >= 400:
        raise _refused(status, answer)
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
    elif key is None:
        print(answer["authorization_url"])
    else:
        print(f"the account of {entity} at {app} is connected")


def _key() -> str:
    """From the input and never from the arguments, which everybody on the machine can read."""
    given = sys.stdin.read(KEY_BYTES_MAX + 1).strip()
    if not 1 <= len(given) <= KEY_BYTES_MAX:
        raise bad_input(f"--key-stdin: the input has {len(given)} characters, must be 1 to {KEY_BYTES_MAX}")
    return given


async def _asked(address: str, app: str, owner: dict[str, str], key: str | None) -> Answer:
    timeout = aiohttp.ClientTimeout(total=SECONDS_MAX)
    try:
        async with aiohttp.ClientSession(address, timeout=timeout) as http:
            method, body = ("POST", None) if key is None else ("PUT", {"key": key})
            async with http.request(method, f"/v1/connections/{app}", params=owner, json=body) as answer:
                return answer.status, await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise unreachable(f"the tool runner at {address} does not answer: {type(error).__name__}") from error


def _refused(status: int, answer: dict[str, object]) -> CommandError:
    problems = answer.get("problems")
    text = str(answer.get("detail", "refused"))
    if status == 404 and "error" not in answer:
        return bad_input("the tool runner has no apps: declare them under `apps` in TOOL_RUNNER_SERVERS_FILE")
    if isinstance(problems, list):
        text = "; ".join(f"{one['field']}: {one['problem']}" for one in problems)
    if status == 503:
        return unreachable(text)
    return bad_input(text) if status in (404, 409, 422) else CommandError(text)
