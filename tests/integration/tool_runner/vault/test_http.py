"""What do people and other programs get over HTTP, from the whole service?"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest
import yaml
from typer.testing import CliRunner, Result

from hil.main import app
from hil.outcome import CommandError, ExitCode
from tests.integration.tool_runner.vault.conftest import KEY_OLD, owner_agrees
from tests.support.authorization_server import CLIENT_SECRET, AuthorizationServer
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import free_port, running_runner, settings_for
from tool_runner.adapters.vault.vault_keys import VaultKeysUnusable
from tool_runner.app import serve

OWNER = {"tenant": "acme", "entity": "ann@example.com"}
SECRET_KEY = "k3y-of-ann"


@pytest.fixture
async def http(
    nats_server: NatsServer,
    redis_server: RedisServer,
    server: AuthorizationServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[aiohttp.ClientSession]:
    monkeypatch.setenv("CLIENT_SECRET", CLIENT_SECRET)
    file, port = tmp_path / "servers.yaml", free_port()
    apps = {"shop": server.app(), "catalogue": {"kind": "api_key", "header": "x-api-key: {token}"}}
    file.write_text(yaml.safe_dump({"servers": [], "apps": apps}))
    store_url = f"sqlite:///{tmp_path}/vault.sqlite3"
    settings = settings_for(
        nats_server.url, redis_server.url, file, http_port=port, vault_keys=KEY_OLD, store_url=store_url
    )
    async with running_runner(settings), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session


async def test_an_account_is_connected_listed_and_disconnected(
    http: aiohttp.ClientSession, server: AuthorizationServer
) -> None:
    async with http.post("/v1/connections/shop", params=OWNER) as answer:
        url = (await answer.json())["authorization_url"]
        assert answer.headers["cache-control"] == "no-store"
    brought = await owner_agrees(url)
    async with http.get("/v1/oauth/callback/shop", params=brought) as answer:
        page = await answer.text()
        assert answer.status == 200 and "shop is connected, and calls for ann@example.com (acme) are made" in page
        assert answer.headers["referrer-policy"] == "no-referrer"
    async with http.get("/v1/oauth/callback/shop", params=brought) as answer:
        assert answer.status == 400 and "start the connection again" in await answer.text()
    async with http.get("/v1/connections", params={"tenant": "acme"}) as answer:
        listed = await answer.text()
        [one] = (await answer.json())["connections"]
    assert (one["app"], one["entity"], one["state"]) == ("shop", "ann@example.com", "connected")
    assert not any(secret in listed + page for secret in server.secrets_given)
    async with http.delete("/v1/connections/shop", params=OWNER) as answer:
        assert await answer.json() == {"app": "shop", "state": "forgotten"}
    async with http.delete("/v1/connections/shop", params=OWNER) as answer:
        assert answer.status == 404
    assert len(server.revoked) == 2


async def test_a_static_key_is_kept_and_never_repeated(http: aiohttp.ClientSession) -> None:
    async with http.put("/v1/connections/catalogue", params=OWNER, json={"key": SECRET_KEY}) as answer:
        assert answer.status == 200 and SECRET_KEY not in await answer.text()
    for body in ({"key": f"{SECRET_KEY}\n"}, {"key": SECRET_KEY * 3_000}, {"key": [SECRET_KEY]}, {"kay": SECRET_KEY}):
        async with http.put("/v1/connections/catalogue", params=OWNER, json=body) as answer:
            assert answer.status in (413, 422) and SECRET_KEY not in await answer.text()


@pytest.mark.parametrize(
    ("method", "path", "changes", "status", "said"),
    [
        ("POST", "/v1/connections/shap", {}, 404, "declares no app 'shap'; it declares: catalogue, shop"),
        ("POST", "/v1/connections/catalogue", {}, 409, "PUT one"),
        ("PUT", "/v1/connections/shop", {}, 409, "works with OAuth"),
        ("POST", "/v1/connections/shop", {"tenant": "a.b"}, 422, '"field":"tenant"'),
        ("POST", "/v1/connections/shop", {"entity": "x" * 257}, 422, "at most 256 characters"),
        ("GET", "/v1/connections", {"cursor": "made up"}, 422, "cursor"),
        ("GET", "/v1/oauth/callback/shop", {"state": "made-up", "code": "c0de"}, 400, "start the connection again"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason(
    http: aiohttp.ClientSession, method: str, path: str, *, changes: dict[str, str], status: int, said: str
) -> None:
    async with http.request(method, path, params=OWNER | changes) as answer:
        text = await answer.text()
    assert (answer.status, said in text, "c0de" in text) == (status, True, False), text


async def hil(http: aiohttp.ClientSession, *arguments: str, typed: str | None = None) -> Result:
    """The command, in this process: to start another one for each takes seconds."""
    address = str(http._base_url)
    run = partial(CliRunner().invoke, app, ["tool", "connect", *arguments], input=typed)
    return await asyncio.to_thread(run, env={"HIL_TOOL_RUNNER_URL": address})


async def test_the_command_line_prints_the_address_and_keeps_a_key_from_its_input(http: aiohttp.ClientSession) -> None:
    printed = await hil(http, "shop", "--entity", "ann")
    assert printed.exit_code == 0
    assert (await owner_agrees(printed.stdout.strip()))["code"]
    kept = await hil(http, "catalogue", "--entity", "ann", "--key-stdin", typed=f"{SECRET_KEY}\n")
    assert kept.stdout == "the account of ann at catalogue is connected\n"
    refused = (await hil(http, "shap", "--entity", "ann")).exception
    assert isinstance(refused, CommandError) and refused.code == ExitCode.BAD_INPUT
    assert "it declares: catalogue, shop" in str(refused)
    for strange in ("../tools", "shop?entity=bob", "shop/../shop"):
        assert "must match" in str((await hil(http, strange, "--entity", "ann")).exception)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{free_port()}") as nobody:
        unheard = (await hil(nobody, "shop", "--entity", "ann")).exception
    assert isinstance(unheard, CommandError) and unheard.code == ExitCode.UNREACHABLE


async def test_apps_without_a_master_key_stop_the_start(
    nats_server: NatsServer,
    redis_server: RedisServer,
    server: AuthorizationServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", CLIENT_SECRET)
    file = tmp_path / "servers.yaml"
    file.write_text(yaml.safe_dump({"servers": [], "apps": {"shop": server.app()}}))
    with pytest.raises(VaultKeysUnusable, match="0 keys, must be 1 to 16"):
        settings = settings_for(nats_server.url, redis_server.url, file)
        await serve(settings, stop=asyncio.Event(), ready=asyncio.Event())


async def test_the_command_line_says_that_there_are_no_apps(
    nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    file, port = tmp_path / "servers.yaml", free_port()
    file.write_text("servers: []\n")
    settings = settings_for(nats_server.url, redis_server.url, file, http_port=port)
    async with running_runner(settings), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        refused = (await hil(session, "shop", "--entity", "ann")).exception
    assert isinstance(refused, CommandError) and "has no apps: declare them" in str(refused)
