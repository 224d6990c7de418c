"""Is a token seen anywhere but in the header of a call?"""

import base64
import contextlib
import logging
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
import structlog
import yaml
from aiohttp import web
from nats.js.errors import NotFoundError
from structlog.testing import CapturingLogger

from contracts.tool_calls import ToolCallFailed
from service_kit.connection import Connection
from service_kit.errors import RetryLater
from tests.integration.tool_runner.vault.conftest import ANN, KEY_OLD, Clock, OpenVault, connect
from tests.support.authorization_server import CLIENT_SECRET, TOKEN_MARK, AuthorizationServer
from tests.support.otlp_receiver import EXPORT_DELAY, Receiver, otlp_receiver
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_example import SECRETS, ExampleServers, connect_key, connect_tokens, example_servers
from tests.support.tool_runner import (
    Caller,
    all_servers_up,
    calling,
    counter_server,
    free_port,
    runner_process,
    settings_for,
)
from tests.support.wait_until import wait_until
from tool_runner.adapters.vault.vault import Vault

MASTER = KEY_OLD.partition(":")[2]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    """What the vault logs, at every level."""
    kept = CapturingLogger()
    for module in ("vault", "refresh_tokens", "rewrap_tokens"):
        logger = structlog.wrap_logger(kept, [], structlog.BoundLogger)
        monkeypatch.setattr(f"tool_runner.adapters.vault.{module}.log", logger)
    return kept


def told(places: Mapping[str, str | bytes]) -> list[str]:
    """Places where a token, a client secret or a master key stands, as it is or in another writing."""
    words = [TOKEN_MARK, CLIENT_SECRET, quote(CLIENT_SECRET), MASTER, base64.b64decode(MASTER).decode()]
    words += [base64.b64encode(f"{' ' * shift}{TOKEN_MARK}xx".encode()).decode()[4:-4] for shift in range(3)]
    found = []
    for name, text in places.items():
        content = text if isinstance(text, bytes) else text.encode()
        found += [f"{name}: {word}" for word in words if word.encode() in content]
    return found


def redis_content(url: str) -> bytes:
    with redis.Redis.from_url(url) as client:
        return b"\n".join(key + b" " + (client.dump(key) or b"") for key in client.scan_iter())


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in folder.rglob("*"):
        if file.is_file():
            yield file.name, file.read_bytes()


def test_the_search_finds_what_it_looks_for() -> None:
    in_base64 = base64.b64encode(f"x{TOKEN_MARK}.access.1".encode())
    assert len(told({"plain": f"a {TOKEN_MARK} b", "base64": in_base64, "clean": "nothing"})) == 2


async def test_no_token_is_in_logs_errors_texts_of_objects_store_or_redis(
    open_vault: OpenVault,
    server: AuthorizationServer,
    redis_server: RedisServer,
    clock: Clock,
    tmp_path: Path,
    lines: CapturingLogger,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    places: dict[str, str | bytes] = {}
    async with open_vault() as vault:
        await connect(vault)
        places |= await _troubles(vault, server, clock)
        started = await vault.start(ANN, vault.apps["shop"].oauth)  # type: ignore[arg-type]
        places["redis"] = redis_content(redis_server.url)
        assert b"hil:oauth_state:" in places["redis"]
        record = await vault.records.load(ANN)
        assert record is not None
        tokens = vault.records.opened(record)
        assert TOKEN_MARK in tokens.access.get_secret_value()
        places["objects"] = f"{vault!r} {record!r} {tokens!r} {tokens} {started!r} {vault.refresher!r}"
        places |= dict(files_of(tmp_path))
    places["lines"] = repr(lines.calls)
    places["libraries"] = caplog.text
    assert "POST" in caplog.text and len(lines.calls) >= 5, "the search has something to search"
    assert server.secrets_given and any(len(text) > 1_000 for name, text in places.items() if "sqlite3" in name)
    assert told(places) == []


async def _troubles(vault: Vault, server: AuthorizationServer, clock: Clock) -> dict[str, str | bytes]:
    """Texts of what goes wrong, with the values of variables in them."""
    texts: dict[str, str | bytes] = {}
    vault.refresher.quiet_seconds = 0
    quoting = web.json_response({"error": TOKEN_MARK, "error_description": TOKEN_MARK}, status=400)
    faults = {"lost": "lost", "not json": web.Response(text=TOKEN_MARK), "quoting": quoting}
    for name, fault in faults.items():
        await connect(vault)
        clock.now_ms += 3_600_000
        server.faults = [fault]
        try:
            texts[name] = repr(await vault.credentials_for("acme", "ann", "shop"))
        except RetryLater as error:
            assert error.__traceback__ is not None
            inside = error.with_traceback(error.__traceback__.tb_next)  # Without this test's own variables.
            texts[name] = "".join(traceback.TracebackException.from_exception(inside, capture_locals=True).format())
            assert "self = " in texts[name]
    await connect(vault)
    return texts


async def _called(servers: ExampleServers, caller: Caller, address: str) -> list[str]:
    """Calls of every kind: with a key, with tokens, with new ones after a refusal, without an account. How they end."""
    await connect_key(servers, address, "ann")
    await connect_tokens(servers, address, "ann")
    caller.tools_allowed = ("*",)
    ends = []
    tools = ("catalogue.GMAIL_FETCH_EMAILS", "calendar.list_events", "contacts.list_people", "calendar.create_event")
    for count, tool in enumerate((*tools, "counter.environment")):
        if count >= 2:
            servers.owners.grants[0].access.clear()
        for entity in ("ann", "bob"):
            common = {"agent": "assistant", "entity": entity, "key": entity, "call": str(count)}
            fact = await caller.call(tool, {}, **common)
            ends.append(fact.error_class if isinstance(fact, ToolCallFailed) else "done")
    return ends


async def test_no_token_is_in_the_logs_spans_messages_and_arguments_of_the_process(
    nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**SECRETS, **EXPORT_DELAY}.items():
        monkeypatch.setenv(name, value)
    fields: dict[str, object] = {"vault_keys": KEY_OLD, "store_url": f"sqlite:///{tmp_path}/vault.sqlite3"}
    fields |= {"log_level": "debug", "trace_ratio": 1, "http_port": free_port()}
    async with otlp_receiver() as receiver, example_servers() as servers:
        file = servers.manifest_in(tmp_path)
        manifest = yaml.safe_load(file.read_text())
        manifest["servers"].append(counter_server(tmp_path / "effects"))
        manifest["grants"].append({"name": "environment", "tools": ["counter.*"]})
        file.write_text(yaml.safe_dump(manifest))
        settings = settings_for(nats_server.url, redis_server.url, file, otlp_endpoint=receiver.url, **fields)
        with runner_process(settings, tmp_path / "log") as process:
            await all_servers_up(settings.http_port)
            async with calling(nats_server.url) as caller:
                ends = await _called(servers, caller, f"http://127.0.0.1:{settings.http_port}")
                places = {"messages": await _stored(caller.connection)}
            await wait_until(lambda: receiver.spans)
            places |= _places(process, receiver)
    places |= dict(files_of(tmp_path)) | {"redis": redis_content(redis_server.url)}
    assert ends == ["done", "denied"] * 3 + ["denied", "denied"] + ["done", "done"]
    log = (tmp_path / "log").read_text()
    assert "account.connected" in log and "account.refreshed" in log, "the search has something to search"
    assert b"counter.environment" in places["messages"]  # type: ignore[operator]
    assert servers.owners.refreshes == 1 and told(places) == []


def _places(process: "subprocess.Popen[bytes]", receiver: Receiver) -> dict[str, str | bytes]:
    found = {f"span {number}": body for number, body in enumerate(receiver.bodies)}
    folder = Path(f"/proc/{process.pid}")
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (folder / "limits").read_text().splitlines()}
    assert set(limits["Max core file size"]) <= {"0", "1"}, "0 where the machine allows no more than that"
    children = (folder / "task" / str(process.pid) / "children").read_text().split()
    assert children, "the counter runs"
    for one in children:
        found[f"environment of {one}"] = Path(f"/proc/{one}/environ").read_bytes()
    return {
        **found,
        **{f"arguments of {one}": Path(f"/proc/{one}/cmdline").read_bytes() for one in (*children, process.pid)},
    }


async def _stored(connection: Connection) -> bytes:
    """Every message of every stream, as the server has it."""
    found = []
    for stream in await connection.jetstream.streams_info():
        name, state = stream.config.name, stream.state
        assert name is not None
        for sequence in range(max(1, state.first_seq), state.last_seq + 1):
            with contextlib.suppress(NotFoundError):
                message = await connection.jetstream.get_msg(name, sequence)
                found.append(f"{message.subject} {message.headers} ".encode() + (message.data or b""))
    return b"\n".join(found)


def test_the_process_cannot_be_dumped_or_read_by_others() -> None:
    """In a process of its own: it is for life."""
    code = (
        "import ctypes, resource; from tool_runner.adapters.no_core_dumps import forbid_core_dumps as forbid;"
        "get = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0); before = get(); forbid();"
        "print(before, get(), resource.getrlimit(resource.RLIMIT_CORE))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "1 0 (1, 1)\n"
