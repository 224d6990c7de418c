"""Who tries what they may not, and what do they get? docs/security-analytics.md lists these attempts. The routes are
those of the service's OpenAPI document, so that a new one cannot be forgotten."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from analytics.adapters.access_store import AccessStore, id_of
from analytics.adapters.alert_documents import AlertDocuments
from analytics.adapters.failures import FAILURES_MAX
from analytics.adapters.pattern_documents import KeptPattern, PatternDocuments
from analytics.api.access import Analyst
from analytics.api.doorkeeper import House
from analytics.api.gate import add_gate, admission_by
from analytics.app import serve
from analytics.domain.alert_rules import alert_rules
from analytics.domain.failure_patterns import Pattern, Place
from analytics.domain.watched_alert import KeptAlert, watched
from analytics.settings import Settings
from contracts.envelope import Identity, derive_message_id
from contracts.executions import ExecutionFinished
from contracts.handovers import HandoverClaimed
from contracts.kpis import KpiRecorded
from contracts.streams import WORKFLOW_FACTS_BUCKET
from contracts.workflow_facts import WorkflowFacts, facts_key
from document_store import open_store, opened_store
from hil.embedded.ports import free_port
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.health import serve_http
from tests.integration.analytics.test_figures import ON_BOTH_STORES, store_url
from tests.support.analytics_token import give_token
from tests.support.handovers import ended, opened
from tests.support.kit import kit
from tests.support.running_service import running_service
from tests.support.slo_scenarios import promise
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

__all__ = ["store_url"]
Answer = tuple[int, Any]
PROMISE = promise(0.99)
ADDRESSES = (f"10.1.{number >> 8 & 255}.{number & 255}" for number in count())
SAFE = {"GET", "HEAD", "OPTIONS"}
MADE_UP = "hil_" + "x" * 43
SECRET = "theirs"
"""Stands in all that acme has, and in nothing that globex has."""
PLACES = {"tenant": "acme", "key": f"{SECRET}-c1", "workflow": f"{SECRET}-flow", "name": f"{SECRET}-name"}
TOMORROW = datetime.fromtimestamp(time.time() + 86_400, UTC).isoformat()
BODIES: dict[str, dict[str, object]] = {
    "/v1/query": {"metrics": ["counts"], "dimensions": ["tenant", "workflow", "version"]},
    "/v1/funnels": {"steps": ["customer_wrote", "handed_over"]},
    "/v1/silences/{tenant}/{silence_id}": {"workflow": "w", "ends": TOMORROW, "by": SECRET, "reason": SECRET},
}
"""What asks a route for as much as it has; each route that takes a body stands here, or the tests of all fail."""


@dataclass(frozen=True)
class Asked:
    """The service over HTTP, behind a proxy, and tokens of two tenants. Each attempt comes from another address, if it
    does not say from which."""

    session: aiohttp.ClientSession
    store_url: str
    acme: str
    globex: str

    async def __call__(self, token: str | None, path: str, *, method: str = "GET", **more: Any) -> Answer:
        headers = {"X-Forwarded-For": next(ADDRESSES)} | more.pop("headers", {})
        headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.session.request(method, path, headers=headers, allow_redirects=False, **more) as response:
            kind = response.headers.get("content-type", "")
            if "event-stream" in kind:
                return response.status, (await response.content.readline()).decode()
            return response.status, await response.json() if kind == "application/json" else await response.text()

    async def routes(self) -> list["Route"]:
        return list(_routes((await self(None, "/openapi.json"))[1]))


class Route:
    """A method on a path, with values for what the path names."""

    def __init__(self, method: str, template: str, operation: dict[str, Any]) -> None:
        self.method, self.template = method.upper(), template
        self.name = f"{self.method} {template}"
        self.parameters = {one["name"]: one["in"] for one in operation.get("parameters", [])}
        self.path = template.format_map({name: PLACES.get(name, "x") for name in self.parameters})
        self.roles = [role for scheme in operation.get("security", []) for roles in scheme.values() for role in roles]
        self.more = {"json": BODIES[template]} if "requestBody" in operation else {}


def _routes(document: dict[str, Any]) -> Iterator[Route]:
    for template, operations in document["paths"].items():
        for method, operation in operations.items():
            yield Route(method, template, operation)


async def happened(connection: Connection, tenant: str, word: str) -> int:
    """What acme or globex has: a conversation with a handover and a KPI; the last sequence."""
    finished = ended(f"{word}-x1", turn_id="1", workflow=f"{word}-flow", sink="HANDOVER", reason="customer_request")
    claimed = HandoverClaimed(handover_id=f"{word}-h1", ownership_epoch=1, actor_id=word, agent_id=word)
    last = 0
    told = KpiRecorded(kpi_id="k1", name=f"{word}_visits")
    for number, message in enumerate((finished, opened(f"{word}-h1"), claimed, told)):
        id_ = derive_message_id(f"{tenant}/{word}", message.route.type, number)
        last = await publish(connection, message, Identity(tenant, f"{word}-c1", id_, "cause"))
    assert isinstance(finished, ExecutionFinished)
    return last


async def promised(connection: Connection, url: str) -> None:
    """To all tenants, of whom acme alone uses the workflow; one of acme's own; and an alert of acme's."""
    bucket, flow = await connection.jetstream.key_value(WORKFLOW_FACTS_BUCKET), f"{SECRET}-flow"
    facts = WorkflowFacts(workflow=flow, version="1", content_hash="h", slos=PROMISE)
    await bucket.put(facts_key("_all", flow), facts.model_dump_json().encode())
    own = facts.model_copy(update={"workflow": f"{SECRET}-own"})
    await bucket.put(facts_key("acme", own.workflow), own.model_dump_json().encode())
    alerts = [watched("acme", rule) for rule in alert_rules(flow, PROMISE)]
    async with opened_store(url) as store:
        await AlertDocuments(store).save([KeptAlert(alert, 0) for alert in alerts])
        found = Pattern(opened_ms=1, closed_ms=2, window_ms=900_000, runs=6, failures=6, base_rate=0.01)
        await PatternDocuments(store).save(KeptPattern(Place("acme", flow, "n", "timeout"), found))


@pytest.fixture
async def asked(nats_server: NatsServer, store_url: str) -> AsyncIterator[Asked]:
    settings = Settings(
        nats_url=nats_server.url, store_url=store_url, http_port=free_port(), log_level="error", proxies="127.0.0.0/8"
    )
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        found = Asked(session, store_url, await give_token(store_url), await give_token(store_url, "globex"))
        await happened(connection, "acme", SECRET)
        await promised(connection, store_url)
        last = await happened(connection, "globex", "ours")

        async def counted() -> bool:
            return bool((await found(found.acme, "/v1/summary"))[1]["as_of_seq"] >= last)

        await wait_until(counted)
        _, slos = await found(found.acme, "/v1/slos")
        assert all(f"{SECRET}-{name}" in str(slos) for name in ("flow", "own"))
        yield found


@ON_BOTH_STORES
async def test_every_route_is_closed_to_who_has_no_good_token(asked: Asked) -> None:
    expired = await give_token(asked.store_url, age_days=91)
    revoked = await give_token(asked.store_url)
    await revoke(asked.store_url, revoked)
    routes = [*await asked.routes(), Route("get", "/v1/what-nobody-thought-of", {}), Route("post", "/x", {})]
    assert len(routes) >= 9
    for route in routes:
        for token in (None, expired, revoked):
            status, body = await asked(token, route.path, method=route.method, **route.more)
            assert (status, body["error"]) == (401, "unauthenticated"), (route.name, token)
            assert "hil analytics token create" in body["detail"]


async def revoke(url: str, text: str) -> None:
    async with opened_store(url) as store:
        access = AccessStore(store)
        await access.prepare()
        [token] = [one for one in await access.tokens() if one.token_id == id_of(text)]
        assert await access.revoke(token.token_id, now_ms=1) is not None


async def test_every_route_refuses_a_token_that_is_made_up(asked: Asked) -> None:
    for number, route in enumerate(await asked.routes()):
        token = (MADE_UP, "", "hil_", "x" * 5_000)[number % 4]
        status, body = await asked(token, route.path, method=route.method, **route.more)
        assert (status, body["error"]) == (401, "unauthenticated"), route.name


@ON_BOTH_STORES
async def test_every_route_refuses_another_tenant_by_name(asked: Asked) -> None:
    routes = [route for route in await asked.routes() if "tenant" in route.parameters]
    assert len(routes) >= 4
    for route in routes:
        params = {"tenant": "acme"} if route.parameters["tenant"] == "query" else {}
        status, body = await asked(asked.globex, route.path, method=route.method, params=params, **route.more)
        assert (status, body["error"]) == (403, "forbidden"), route.name
        status, _ = await asked(asked.acme, route.path, method=route.method, params=params, **route.more)
        assert status in (200, 201, 404), route.name


@ON_BOTH_STORES
async def test_no_route_shows_anything_of_another_tenant(asked: Asked) -> None:
    seen = []
    for route in await asked.routes():
        if "{" in route.template:
            continue
        _, theirs = await asked(asked.globex, route.path, method=route.method, **route.more)
        assert SECRET not in str(theirs), route.name
        ours = str((await asked(asked.acme, route.path, method=route.method, **route.more))[1])
        assert "ours-" not in ours and "ours_" not in ours, route.name
        seen += [route.name] if SECRET in ours else []
    lists = {f"GET /v1/{name}" for name in ("summary", "workflows", "slos", "alerts", "kpis", "patterns")}
    assert lists | {"POST /v1/query"} <= set(seen), "the secret is there to be seen"


async def test_a_question_names_no_tenant_of_somebody_else(asked: Asked) -> None:
    for tenants in (["acme"], ["globex", "acme"], ["*"], [""], ["nobody"]):
        body = {"metrics": ["executions"], "filters": {"tenant": tenants}}
        status, answer = await asked(asked.globex, "/v1/query", method="POST", json=body)
        assert (status, answer["error"]) == (403, "forbidden"), tenants
    body = {"metrics": ["executions"], "dimensions": ["tenant"]}
    both = await give_token(asked.store_url, "acme", "globex")
    everything = await give_token(asked.store_url, "*")
    for token in (both, everything):
        _, answer = await asked(token, "/v1/query", method="POST", json=body)
        assert [row["tenant"] for row in answer["rows"]] == ["acme", "globex"]


async def test_every_route_names_a_role_and_refuses_a_lesser_one(asked: Asked) -> None:
    analyst = await give_token(asked.store_url, role="analyst")
    for route in await asked.routes():
        assert route.roles in (["analyst"], ["admin"]), route.name
        status, answer = await asked(analyst, route.path, method=route.method, **route.more)
        is_refused = status == 403 and answer["needed_role"] == "admin"
        assert is_refused == (route.roles == ["admin"]), route.name


async def sign_in(asked: Asked, browser: aiohttp.ClientSession, token: str, **more: Any) -> aiohttp.ClientResponse:
    form = {"token": token, "next": more.pop("next", "/v1/me")}
    async with browser.post("/login", data=form, allow_redirects=False, **more) as response:
        await response.read()
        return response


@pytest.fixture
async def browser(asked: Asked) -> AsyncIterator[aiohttp.ClientSession]:
    """With a jar of cookies of its own."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(str(asked.session._base_url), cookie_jar=jar) as session:
        yield session


async def test_a_browser_signs_in_with_a_token_and_out_again(asked: Asked, browser: aiohttp.ClientSession) -> None:
    async with browser.get("/", headers={"Accept": "text/html"}, allow_redirects=False) as response:
        assert (response.status, response.headers["location"]) == (303, "/login?next=/")
    answer = await sign_in(asked, browser, asked.acme)
    assert (answer.status, answer.headers["location"]) == (303, "/v1/me")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and asked.acme not in cookie
    async with browser.get("/v1/me") as response:
        assert (await response.json())["tenants"] == ["acme"]
    [before] = [one.value for one in browser.cookie_jar]
    await sign_in(asked, browser, asked.acme)
    assert [one.value for one in browser.cookie_jar] != [before], "a session slipped in before is worth nothing"
    [kept] = [one.value for one in browser.cookie_jar]
    async with browser.post("/logout", allow_redirects=False) as response:
        assert response.status == 303
    headers = {"Cookie": f"hil_analytics_session={kept}"}
    assert (await asked(None, "/v1/me", headers=headers))[0] == 401


async def test_a_session_ends_with_its_token(asked: Asked, browser: aiohttp.ClientSession) -> None:
    token = await give_token(asked.store_url)
    await sign_in(asked, browser, token)
    await revoke(asked.store_url, token)

    async def over() -> bool:
        async with browser.get("/v1/me") as response:
            return response.status == 401

    await wait_until(over, timeout_seconds=5)


async def test_every_route_that_changes_something_refuses_a_page_of_another_site(
    asked: Asked, browser: aiohttp.ClientSession
) -> None:
    await sign_in(asked, browser, asked.acme)
    own = str(asked.session._base_url).rstrip("/")
    foreign = [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {}]
    unsafe = [route for route in await asked.routes() if route.method not in SAFE]
    assert unsafe
    for route in unsafe:
        for headers in foreign:
            async with browser.request(route.method, route.path, headers=headers, **route.more) as response:
                assert (response.status, (await response.json())["error"]) == (403, "csrf"), (route.name, headers)
    question = {"metrics": ["executions"]}
    for headers in ({"Origin": own}, {"Sec-Fetch-Site": "same-origin"}):
        async with browser.post("/v1/query", headers=headers, json=question) as response:
            assert response.status == 200


async def test_a_form_of_another_site_signs_nobody_in_or_out(asked: Asked, browser: aiohttp.ClientSession) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert (await sign_in(asked, browser, asked.acme, headers=foreign)).status == 400
    async with browser.post("/logout", headers=foreign) as response:
        assert response.status == 403


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "/login", "x"])
async def test_a_sign_in_leads_nowhere_else(asked: Asked, browser: aiohttp.ClientSession, elsewhere: str) -> None:
    assert (await sign_in(asked, browser, asked.acme, next="/#/cost")).headers["location"] == "/#/cost"
    assert (await sign_in(asked, browser, asked.acme, next=elsewhere)).headers["location"] == "/"


async def test_markup_in_an_address_is_text(asked: Asked) -> None:
    _, text = await asked(None, "/login", params={"next": '/"><script>alert(1)</script>'})
    assert "<script>" not in text


async def test_guessing_is_stopped_and_a_token_that_was_good_goes_on(asked: Asked) -> None:
    here = partial(asked, path="/v1/me", headers={"X-Forwarded-For": "10.9.9.9"})
    assert (await here(asked.globex))[0] == 200
    fresh = await give_token(asked.store_url)
    statuses = [(await here(f"hil_{number:043}"))[0] for number in range(FAILURES_MAX + 1)]
    assert statuses == [401] * FAILURES_MAX + [429]
    status, body = await here(fresh)
    assert (status, body["error"]) == (429, "too_many_failures"), "what was not known is not looked up"
    await asyncio.sleep(2.1)  # So that the token is not merely remembered.
    assert (await here(asked.globex))[0] == (await asked(fresh, "/v1/me"))[0] == 200


async def test_another_host_name_a_large_body_and_foreign_scripts_are_refused(asked: Asked) -> None:
    status, body = await asked(asked.acme, "/v1/me", headers={"Host": "evil.example"})
    assert (status, body["error"]) == (421, "unknown_host")
    status, body = await asked(asked.acme, "/v1/query", method="POST", data=b"x" * 70_000)
    assert (status, body["error"]) == (413, "body_too_large")
    async with asked.session.get("/login") as response:
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert response.headers["cache-control"] == "no-store"


async def test_probes_and_metrics_need_no_token_and_tell_nothing_of_a_tenant(asked: Asked) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        status, text = await asked(None, path)
        assert status == 200 and "globex" not in str(text)


async def test_a_stream_ends_soon_after_its_token(tmp_path: Path) -> None:
    url, stop, port = f"sqlite:///{tmp_path}/a.sqlite3", asyncio.Event(), free_port()
    token, store = await give_token(url), await open_store(url)
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.get("/v1/stream")
    async def stream(_: Analyst) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            while True:
                yield "still here\n"
                await asyncio.sleep(0.1)

        return StreamingResponse(lines())

    add_gate(app, await admission_by(store, 12, lambda: time.time_ns() // 1_000_000), House())
    listening = asyncio.Event()
    serving = asyncio.create_task(serve_http(app, host="127.0.0.1", port=port, stop=stop, listening=listening))
    await listening.wait()
    try:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"http://127.0.0.1:{port}/v1/stream") as response,
        ):
            assert await response.content.readline() == b"still here\n"
            await revoke(url, token)
            async with asyncio.timeout(10):
                await response.read()
    finally:
        stop.set()
        await serving
        await store.close()


async def test_an_open_service_refuses_pages_of_other_sites(nats_server: NatsServer, tmp_path: Path) -> None:
    settings = Settings(
        nats_url=nats_server.url, store_url=f"sqlite:///{tmp_path}/a.sqlite3", http_port=free_port(), access="open",
        log_level="error",
    )  # fmt: skip
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    question = {"metrics": ["executions"]}
    async with served as session:
        async with session.post("/v1/query", json=question, headers={"Origin": "https://evil.example"}) as response:
            assert response.status == 403
        async with session.post("/v1/query", json=question) as response:
            assert response.status == 200
        async with session.get("/v1/me") as response:
            assert (await response.json())["tenants"] == ["*"]
        async with session.post("/login", data={"token": ""}, allow_redirects=False) as response:
            assert response.status == 303
