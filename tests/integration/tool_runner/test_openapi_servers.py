"""Is a call of an operation sent as its document says, and nowhere else, whatever its arguments are?"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from contracts.tool_calls import ToolCallCompleted, ToolCallFailed
from tests.support.openapi_shop import DOCUMENT, OpenApiShop, openapi_shop
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import all_servers_up, calling, running_runner, settings_for, write_servers
from tool_runner.adapters.mcp_client import ServerLimits
from tool_runner.adapters.openapi_operations import operations_of
from tool_runner.adapters.openapi_request import Refused, prepared
from tool_runner.adapters.openapi_server import OpenApiServer
from tool_runner.adapters.tool_registry import ToolRegistry
from tool_runner.adapters.tool_sources import OpenApi
from tool_runner.app import serve
from tool_runner.domain.arguments import Caller
from tool_runner.domain.breaker import BreakerPolicy
from tool_runner.domain.manifest import ServerRules, ToolRules
from tool_runner.domain.outcome import Answered, Cut, CutBy, ErrorClass, NotSent, TryOutcome, Unusable
from tool_runner.domain.sandbox import SandboxUnavailable
from tool_runner.domain.tool_request import ToolRequest

LIMITS = ServerLimits(concurrency=4, breaker=BreakerPolicy(failures_max=2, open_seconds=60.0))
BASE = "https://shop.example/v1"


@pytest.fixture
async def shop() -> AsyncIterator[OpenApiShop]:
    async with openapi_shop() as running:
        yield running


@pytest.fixture
async def server(shop: OpenApiShop) -> AsyncIterator[OpenApiServer]:
    running = of(shop.base_url)
    yield running
    await running.close()


def of(base_url: str) -> OpenApiServer:
    rules = ServerRules("shop", defaults=ToolRules(idempotency_header="Idempotency-Key"))
    return OpenApiServer(rules, OpenApi(DOCUMENT, base_url, {"x-api-key": "house-key"}), LIMITS)


async def call(
    server: OpenApiServer, tool: str, arguments: dict[str, JsonValue], seconds: float = 5.0, **headers: str
) -> TryOutcome:
    until = time.monotonic() + seconds
    return await server.call(ToolRequest(tool, arguments, until, Caller("t", "c"), "t/c/1", headers), _nothing)


async def _nothing() -> None:
    """Nothing is to be written down before the call."""


def test_operations_become_tools_that_can_be_used() -> None:
    listed = of(BASE).listed()
    assert [tool.name for tool in listed] == ["getOrder", "change_order"]
    get, change = listed
    assert get.description == "One order."
    # The key is the installation's: no argument sets it.
    assert list(get.input_schema["properties"]) == ["order_id", "fields", "tags", "filter", "X-Locale", "page"]  # type: ignore[arg-type]
    assert get.input_schema["required"] == ["order_id"]
    assert change.input_schema["required"] == ["order_id", "body"]
    registry = ToolRegistry({"shop": ServerRules("shop")})
    assert len(registry.replace("shop", listed)) == 2
    found = registry.find("shop.change_order")
    good: dict[str, JsonValue] = {"order_id": "1", "body": {"amount": 1, "note": None, "then": {"amount": 2}}}
    assert found.refusal_of(good) is None  # type: ignore[union-attr]
    for bad in ({"amount": 0}, {"note": "x"}, {"amount": 1, "then": {"amount": "x"}}):
        assert found.refusal_of({"order_id": "1", "body": bad}) is not None  # type: ignore[union-attr]


async def test_arguments_come_to_their_places(shop: OpenApiShop, server: OpenApiServer) -> None:
    arguments: dict[str, JsonValue] = {
        "order_id": "a/b c?d#é",
        "fields": ["x", "y&z"],
        "tags": ["p", "q"],
        "filter": {"state": "open"},
        "X-Locale": "de",
        "page": 2,
    }
    assert await call(server, "getOrder", arguments, Authorization="Bearer of-ann") == Answered({"ok": True}, False)
    (method, path, headers, body) = shop.got[0]
    assert method == "GET"
    assert path == ("/v1/orders/a%2Fb%20c%3Fd%23%C3%A9?fields=x&fields=y%26z&tags=p%2Cq&filter%5Bstate%5D=open&page=2")
    assert (headers["x-locale"], headers["x-api-key"], headers["authorization"]) == ("de", "house-key", "Bearer of-ann")
    assert (headers["idempotency-key"], body) == ("t/c/1", b"")


async def test_arguments_that_make_too_long_an_address_are_refused_before_anything_is_sent(
    shop: OpenApiShop, server: OpenApiServer
) -> None:
    outcome = await call(server, "getOrder", {"order_id": "1", "fields": ["x" * 70_000]})
    assert isinstance(outcome, NotSent)
    assert outcome.error_class is ErrorClass.INVALID_ARGUMENTS
    assert "over 16000" in outcome.detail
    assert shop.got == []


def test_an_object_does_not_set_another_argument() -> None:
    parameters = [{"in": "query", "name": name, "schema": {}} for name in ("amount", "filter")]
    document: JsonValue = {"paths": {"/pay": {"post": {"operationId": "pay", "parameters": [*parameters]}}}}
    assert isinstance(document, dict)
    operation = operations_of(document, reserved_headers=frozenset())["pay"]
    with pytest.raises(Refused, match="filter cannot hold 'amount'"):
        prepared(operation, {"amount": 1, "filter": {"amount": 1_000_000}}, base_url=BASE)
    sent = prepared(operation, {"amount": 1, "filter": {"open": True}}, base_url=BASE)
    assert sent.url == f"{BASE}/pay?amount=1&open=true"


async def test_a_body_is_sent_as_json_and_cookies_of_one_caller_are_not_those_of_another(
    shop: OpenApiShop, server: OpenApiServer
) -> None:
    for _ in range(2):
        await call(server, "change_order", {"order_id": "1", "body": {"amount": 1.5}})
    method, path, headers, body = shop.got[1]
    assert (method, path, body) == ("POST", "/v1/orders/1", b'{"amount":1.5}')
    assert headers["content-type"] == "application/json"
    assert "cookie" not in headers


@pytest.mark.parametrize(
    "value",
    [
        "..",
        ".",
        "",
        "../admin",
        "a/../../admin",
        "..\\admin",
        "%2e%2e",
        "%252e%252e/x",
        "%2e%2e%2fadmin",
        "a\r\nb",
        "a%0d",
    ],
)
async def test_an_argument_does_not_climb_out_of_its_path(shop: OpenApiShop, server: OpenApiServer, value: str) -> None:
    outcome = await call(server, "getOrder", {"order_id": value})
    assert isinstance(outcome, NotSent)
    assert outcome.error_class is ErrorClass.INVALID_ARGUMENTS
    assert shop.got == []


@pytest.mark.parametrize("value", ["de\r\nX-Admin: 1", "de\nx", "é", "\x00", "a\x7f"])
async def test_an_argument_adds_no_header(shop: OpenApiShop, server: OpenApiServer, value: str) -> None:
    outcome = await call(server, "getOrder", {"order_id": "1", "X-Locale": value})
    assert isinstance(outcome, NotSent)
    assert shop.got == []


OPERATIONS = operations_of(DOCUMENT, reserved_headers=frozenset())


@settings(deadline=None, max_examples=200)
@given(st.text(), st.text(), st.text())
def test_whatever_is_said_the_request_stays_below_its_path(order: str, field: str, locale: str) -> None:
    arguments: dict[str, JsonValue] = {"order_id": order, "fields": [field], "X-Locale": locale}
    try:
        ready = prepared(OPERATIONS["getOrder"], arguments, base_url=BASE)
    except Refused:
        return
    address, _, query = ready.url.partition("?")
    assert address.startswith(f"{BASE}/orders/")
    assert "/" not in address.removeprefix(f"{BASE}/orders/")
    assert query.count("=") == 1
    assert "#" not in ready.url
    assert ready.url.isascii()
    assert ready.headers["x-locale"].isprintable()


@pytest.mark.parametrize(
    ("misbehaviour", "outcome"),
    [
        ("hang", Cut(CutBy.TIMEOUT)),
        ("break", Cut(CutBy.SERVER_DEATH)),
        ("502", Cut(CutBy.SERVER_DEATH)),
        ("500", Answered({"status": 500, "answer": {"reason": "so"}}, is_error=True)),
        ("404", Answered({"status": 404, "answer": {"reason": "so"}}, is_error=True)),
        ("redirect", Answered({"status": 302, "answer": None}, is_error=True)),
        ("flood", Unusable("its answer is over the limit of 1048576 bytes")),
        ("nonsense", Unusable("its answer is not the application/json that it should be")),
        ("picture", Unusable("its answer is not the image/png that it should be")),
    ],
)
async def test_every_end_is_what_it_is(
    shop: OpenApiShop, server: OpenApiServer, misbehaviour: str, outcome: TryOutcome
) -> None:
    shop.misbehaviour = misbehaviour
    assert await call(server, "getOrder", {"order_id": "1"}, seconds=0.7) == outcome
    assert len(shop.got) == 1


@pytest.mark.parametrize(
    ("status", "error_class"), [("401", "denied"), ("403", "denied"), ("429", "server_unavailable")]
)
async def test_what_was_refused_was_not_made(
    shop: OpenApiShop, server: OpenApiServer, status: str, error_class: str
) -> None:
    shop.misbehaviour = status
    outcome = await call(server, "getOrder", {"order_id": "1"})
    assert isinstance(outcome, NotSent)
    assert outcome.error_class == error_class


async def test_the_breaker_opens_where_nobody_listens() -> None:
    server = of("http://127.0.0.1:9/v1")
    details = [await call(server, "getOrder", {"order_id": "1"}) for _ in range(3)]
    assert all(isinstance(one, NotSent) for one in details)
    assert "failed 2 times in a row" in str(details[2])
    assert not server.available
    await server.close()


async def test_an_operation_is_called_through_the_runner(
    shop: OpenApiShop, nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "shop.json").write_text(json.dumps(DOCUMENT))
    server = {
        "name": "weborders",
        "openapi": "shop.json",
        "base_url": shop.base_url,
        "defaults": {"cost_usd": 0, "side_effect": "read"},
        "tools": {"change_order": {"side_effect": "write", "idempotency_header": "Idempotency-Key"}},
    }
    settings = settings_for(nats_server.url, redis_server.url, write_servers(tmp_path / "tools.yaml", server))
    async with calling(nats_server.url) as caller, running_runner(settings):
        caller.tools_allowed = ("weborders.*",)
        await all_servers_up(settings.http_port)
        changed = await caller.call("weborders.change_order", {"order_id": "1", "body": {"amount": 5}}, key="w1")
        assert isinstance(changed, ToolCallCompleted)
        assert changed.result == {"ok": True}
        assert shop.got[0][2]["idempotency-key"].endswith("/w1/1")
        bad = await caller.call("weborders.change_order", {"order_id": "1", "body": {"amount": 0}}, key="w1", call="2")
        climbing = await caller.call("weborders.getOrder", {"order_id": "../admin"}, key="w1", call="3")
        for fact in (bad, climbing):
            assert isinstance(fact, ToolCallFailed)
            assert (fact.error_class, fact.retryable) == ("invalid_arguments", False)
        assert len(shop.got) == 1


async def test_code_without_a_sandbox_of_the_wanted_tier_stops_the_start_in_one_sentence(
    nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    box = {"name": "box", "builtin": "code", "defaults": {"cost_usd": 0}}
    file = write_servers(tmp_path / "tools.yaml", box)
    settings = settings_for(nats_server.url, redis_server.url, file, sandbox_tier_min="C")
    with pytest.raises(SandboxUnavailable, match="TOOL_RUNNER_SANDBOX_TIER_MIN is C and this sandbox is of tier A"):
        await serve(settings, stop=asyncio.Event(), ready=asyncio.Event())
