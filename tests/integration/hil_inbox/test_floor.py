"""People at work over HTTP: signs of life, what they are given, the board, the stopped AI, search, own filters."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts.handovers import HandoverClaimed
from contracts.streams import AI_STOPS_BUCKET
from hil.embedded.ports import free_port
from hil_inbox.app import serve
from hil_inbox.settings import Settings
from service_kit.log import Log
from tests.integration.hil_inbox.conftest import ON_BOTH_STORES, Inbox
from tests.support.handovers import opened, put
from tests.support.inbox_token import give_person, give_token
from tests.support.kit import TENANT, kit, say
from tests.support.running_service import running_service
from tests.support.wait_until import wait_until

QUEUES = """
queues:
  - name: shop
    match: {skills: [shop], workflows: []}
    assignment: {mode: round_robin}
    canned_replies:
      - {code: hello, label: Hello, text: "Hello {{customer}}, I am {{agent}}."}
  - name: general
"""


@pytest.fixture
async def floor(settings: Settings, tmp_path: Path) -> AsyncIterator[Inbox]:
    """An inbox of which `shop` gives its handovers away."""
    file = tmp_path / "queues.yaml"
    file.write_text(QUEUES)
    async with running_inbox(settings.model_copy(update={"queues_file": file, "assign_every_seconds": 0.2})) as inbox:
        yield inbox


@asynccontextmanager
async def running_inbox(settings: Settings) -> AsyncIterator[Inbox]:
    token = await give_token(settings.store_url)
    async with kit(settings.nats_url) as connection:
        served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
        async with served as session:
            yield Inbox(session, connection, token)


async def asked(inbox: Inbox, method: str, path: str, body: object = None, *, token: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with inbox.session.request(method, path, json=body, headers=headers) as response:
        return response.status, await response.json()


@ON_BOTH_STORES
async def test_who_is_there_is_given_what_waits_and_the_board_shows_it(floor: Inbox, settings: Settings) -> None:
    ana = await give_person(settings.store_url, "ana")
    assert (await asked(floor, "GET", "/v1/me", token=ana))[1]["status"] == "offline"
    heard: list[bytes] = []

    async def hear(message: Any) -> None:
        heard.append(message.data)

    await floor.connection.client.subscribe("hil.live.presence.acme", cb=hear)
    status, beat = await asked(floor, "POST", "/v1/me/heartbeat", {}, token=ana)
    assert (status, beat["status"], beat["lease_seconds"]) == (200, "online", 20)
    await wait_until(lambda: heard)
    assert json.loads(heard[0])["actor_id"] == "ana"
    await say(floor.connection, "c1", "1", "where is order 4711?")
    await put(floor.connection, opened("h1", skills=("shop",)), "c1")

    async def given() -> bool:
        entries = await Log(floor.connection).read(TENANT, "c1")
        return any(isinstance(entry.message, HandoverClaimed) for entry in entries)

    with pytest.raises(TimeoutError):  # She has not the skill.
        await wait_until(given, timeout_seconds=0.5)
    await asked(floor, "PUT", "/v1/people/ana", {"name": "Ana", "skills": ["shop"]}, token=floor.token)
    await wait_until(given)

    async def counted() -> bool:
        return (await asked(floor, "GET", "/v1/me", token=ana))[1]["load"] == 1

    await wait_until(counted)
    _, board = await asked(floor, "GET", "/v1/queues", token=ana)
    shop = board["queues"][0]
    figures = (shop["name"], shop["waiting"], shop["assigned"], shop["agents_online"], shop["oldest_wait_ms"])
    assert figures == ("shop", 0, 1, 1, None)
    _, agents = await asked(floor, "GET", "/v1/agents", token=ana)
    assert [(one["actor_id"], one["load"], one["status"]) for one in agents["agents"]] == [("ana", 1, "online")]


async def test_only_supervisors_stop_the_ai_or_take_work_from_people(floor: Inbox, settings: Settings) -> None:
    ana = await give_person(settings.store_url, "ana")
    boss = await give_person(settings.store_url, "boss", "supervisor")
    for path in ("/v1/queues/shop/stop-ai", "/v1/queues/shop/resume-ai", "/v1/agents/bo/rehome"):
        assert (await asked(floor, "POST", path, {}, token=ana))[0] == 403
    status, stopped = await asked(floor, "POST", "/v1/queues/shop/stop-ai", {"reason": "it errs"}, token=boss)
    assert (status, stopped["ai_stopped"]["workflows"]) == (200, ["*"])
    bucket = await floor.connection.jetstream.key_value(AI_STOPS_BUCKET)
    entry = await bucket.get("acme.shop")
    assert json.loads(entry.value or b"") == stopped["ai_stopped"]
    assert (await asked(floor, "GET", "/v1/queues", token=ana))[1]["queues"][0]["ai_stopped"]["by"] == "boss"
    assert (await asked(floor, "POST", "/v1/queues/shop/resume-ai", {}, token=boss))[0] == 200
    assert (await asked(floor, "GET", "/v1/queues", token=ana))[1]["queues"][0]["ai_stopped"] is None
    assert (await asked(floor, "POST", "/v1/queues/none/stop-ai", {}, token=boss))[0] == 404
    assert (await asked(floor, "POST", "/v1/agents/bo/rehome", {}, token=boss)) == (
        200, {"rehomed": 0, "refused": 0, "more": False},
    )  # fmt: skip
    _, audit = await asked(floor, "GET", "/v1/audit", token=boss)
    actions = [one["action"] for one in audit["audit"]]
    assert {"ai_stopped", "ai_resumed", "agent_rehomed"} <= set(actions)


@ON_BOTH_STORES
async def test_conversations_are_found_by_words_within_the_tenant_only(floor: Inbox, settings: Settings) -> None:
    ana = await give_person(settings.store_url, "ana")
    eve = await give_token(settings.store_url, tenant="other")
    await say(floor.connection, "c1", "1", "Where is my Order 4711?")
    await say(floor.connection, "c2", "1", "order a pizza")

    async def found(q: str, token: str) -> list[str]:
        _, body = await asked(floor, "GET", f"/v1/search?q={q}", token=token)
        return [hit["key"] for hit in body["hits"]]

    async def both() -> bool:
        return await found("ord", ana) == ["c2", "c1"]

    await wait_until(both)
    assert await found("order 47", ana) == ["c1"]
    assert await found("ord 4711", ana) == []  # Only the last word may be a beginning.
    assert await found("?!", ana) == []
    assert await found("order", eve) == []
    assert (await asked(floor, "GET", "/v1/search?q=", token=ana))[0] == 422


async def test_a_person_keeps_filters_and_reads_canned_replies(floor: Inbox, settings: Settings) -> None:
    ana, bo = [await give_person(settings.store_url, name) for name in ("ana", "bo")]
    views = {"views": [{"name": "urgent refunds", "filter": {"queue": "shop", "state": "waiting"}}]}
    assert (await asked(floor, "PUT", "/v1/me/views", views, token=ana))[0] == 200
    _, kept = await asked(floor, "GET", "/v1/me/views", token=ana)
    assert kept["views"][0]["filter"]["queue"] == "shop"
    assert (await asked(floor, "GET", "/v1/me/views", token=bo))[1] == {"views": []}
    too_many = {"views": [{"name": f"v{number}"} for number in range(21)]}
    assert (await asked(floor, "PUT", "/v1/me/views", too_many, token=ana))[0] == 422
    _, replies = await asked(floor, "GET", "/v1/canned-replies?queue=shop", token=ana)
    assert [one["text"] for one in replies["canned_replies"]] == ["Hello {{customer}}, I am {{agent}}."]
    assert (await asked(floor, "GET", "/v1/canned-replies?queue=none", token=ana))[0] == 404


async def test_without_redis_work_goes_on_and_presence_says_that_it_is_not_known(
    settings: Settings,
) -> None:
    nowhere = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}/0"})
    async with running_inbox(nowhere) as inbox:
        await work_without_redis(inbox, settings)


async def work_without_redis(inbox: Inbox, settings: Settings) -> None:
    ana = await give_person(settings.store_url, "ana")
    assert (await asked(inbox, "GET", "/v1/me", token=ana))[1]["status"] == "unknown"
    status, answer = await asked(inbox, "POST", "/v1/me/heartbeat", {}, token=ana)
    assert (status, answer["error"]) == (503, "unavailable")
    await say(inbox.connection, "c1", "1")
    await put(inbox.connection, opened("h1"), "c1")
    await inbox.shows("/v1/handovers/h1")
    assert (await inbox.post("/v1/handovers/h1/claim", {"actor_id": "ana"}, command_id="k"))[0] == 200
    assert (await asked(inbox, "GET", "/v1/queues", token=ana))[1]["queues"][0]["agents_online"] is None
    async with inbox.session.get("/readyz") as ready:
        assert ready.status == 200
