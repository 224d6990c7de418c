"""Lists and files of executions and conversations hold each row once, of one tenant, and no more than was asked for."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from analytics.app import serve
from tests.integration.analytics.test_figures import ON_BOTH_STORES, counted, settings_for, store_url
from tests.support.handovers import ended, opened, put
from tests.support.kit import TENANT, kit, say
from tests.support.running_service import running_service
from tests.support.start_servers import NatsServer

__all__ = ["store_url"]


@pytest.fixture
async def session(nats_server: NatsServer, store_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """12 conversations with an execution each: c0 to c8 with `support`, of which c0 failed and c1 was handed over, and
    three others with `=returns`."""
    settings = settings_for(nats_server, store_url)
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        for number in range(12):
            key, workflow = f"c{number}", "support" if number < 9 else "=returns"
            await say(connection, key, "1")
            how = {0: {"default_response": True}, 1: {"sink": "HANDOVER", "reason": "customer_request"}}.get(number, {})
            if number == 1:
                await put(connection, opened("h1"), key)
            last = await put(connection, ended(f"x{number}", workflow=workflow, turn_id="1", **how), key)
        await put(connection, ended("x", workflow="support"), "c99", tenant="globex")
        await counted(session, last)
        yield session


ALL = sorted(f"c{number}" for number in range(12))


async def asked(session: aiohttp.ClientSession, path: str, *, status: int = 200, **params: str) -> Any:
    async with session.get(path, params={"tenant": TENANT, **params}) as response:
        assert response.status == status, await response.text()
        return await response.json() if "/json" in response.headers["content-type"] else await response.text()


async def keys(session: aiohttp.ClientSession, path: str, **params: str) -> list[str]:
    return [row["key"] for row in (await asked(session, path, **params))["rows"]]


@ON_BOTH_STORES
async def test_a_list_is_filtered_and_the_newest_comes_first(session: aiohttp.ClientSession) -> None:
    rows = (await asked(session, "/v1/executions"))["rows"]
    assert [row["at_ms"] for row in rows] == sorted((row["at_ms"] for row in rows), reverse=True)
    assert sorted(row["key"] for row in rows) == ALL
    assert sorted(await keys(session, "/v1/executions", workflow="=returns")) == ["c10", "c11", "c9"]
    assert await keys(session, "/v1/executions", ended="failed") == ["c0"]
    assert await keys(session, "/v1/executions", ended="handed_over") == ["c1"]
    assert await keys(session, "/v1/executions", handed_over="true") == ["c1"]
    assert len(await keys(session, "/v1/executions", handed_over="false", workflow="support")) == 8
    assert await keys(session, "/v1/executions", to="2020-01-01T00:00:00Z") == []
    rows = (await asked(session, "/v1/conversations"))["rows"]
    assert [row["began_ms"] for row in rows] == sorted((row["began_ms"] for row in rows), reverse=True)
    assert sorted(row["key"] for row in rows) == ALL
    assert await keys(session, "/v1/conversations", handed_over="true") == ["c1"]
    assert sorted(await keys(session, "/v1/conversations", workflow="=returns")) == ["c10", "c11", "c9"]
    assert len(await keys(session, "/v1/conversations", resolution="ai")) == 10
    assert await keys(session, "/v1/executions", tenant="globex") == ["c99"]
    [row] = (await asked(session, "/v1/executions", handed_over="true"))["rows"]
    assert (row["execution_id"], row["workflow"], row["ended"], row["reason"]) == (
        "x1", "support", "handed_over", "customer_request",
    )  # fmt: skip


@ON_BOTH_STORES
async def test_pages_hold_each_row_once_and_keep_their_period(session: aiohttp.ClientSession) -> None:
    for path in ("/v1/executions", "/v1/conversations"):
        found, cursor, period = [], None, set()
        for _ in range(3):
            page = await asked(session, path, limit="4", **({} if cursor is None else {"cursor": cursor}))
            found += [row["key"] for row in page["rows"]]
            period.add((page["from_ms"], page["to_ms"]))
            cursor = page["next_cursor"]
        assert sorted(found) == ALL
        assert (cursor, len(period)) == (None, 1)


async def test_a_forged_or_a_foreign_cursor_is_refused_with_a_hint(session: aiohttp.ClientSession) -> None:
    cursor = (await asked(session, "/v1/executions", limit="1"))["next_cursor"]
    from_ms, to_ms, inner = cursor.split(".")
    forged = ["x", "1.2", "1.2.x", f"0.{to_ms}.{inner}", f"{from_ms}.{to_ms}.{inner[:-3]}", f"{cursor}=", "9" * 9_000]
    for wrong in [*forged, f"{int(from_ms) - 1}.{to_ms}.{inner}", f"{'9' * 16}.1.{inner}"]:
        assert "cursor" in str(await asked(session, "/v1/executions", status=422, cursor=wrong))
    for foreign in ({"tenant": "globex"}, {"workflow": "support"}, {"ended": "failed"}):
        assert "cursor" in str(await asked(session, "/v1/executions", status=422, cursor=cursor, **foreign))
    assert "cursor" in str(await asked(session, "/v1/conversations", status=422, cursor=cursor))


async def test_a_long_answer_is_read_in_pages_and_its_cursor_is_of_one_question(session: aiohttp.ClientSession) -> None:
    question = {"metrics": ["executions"], "dimensions": ["tenant", "workflow"], "limit": 1}
    first = await queried(session, question)
    second = await queried(session, {**question, "cursor": first["next_cursor"], "limit": 2})
    assert [row["workflow"] for row in (*first["rows"], *second["rows"])] == ["_returns", "support", "support"]
    assert (first["from_ms"], first["to_ms"]) == (second["from_ms"], second["to_ms"])
    assert (first["is_cut"], second["is_cut"], second["next_cursor"]) == (True, False, None)
    from_ms, to_ms, skip, mark = first["next_cursor"].split(".")
    places = (f"{from_ms}.{to_ms}.9999999", f"{to_ms}.{from_ms}.{skip}")
    forged = ["x", f"{from_ms}.{to_ms}.{skip}.{'0' * 16}", *(f"{place}.{mark}" for place in places)]
    for cursor in forged:
        told = await queried(session, {**question, "cursor": cursor}, status=422)
        assert "cursor" in str(told) or "is not before to" in str(told), cursor
    other = {**question, "metrics": ["turns"], "cursor": first["next_cursor"]}
    assert "same question" in str(await queried(session, other, status=422))


async def queried(session: aiohttp.ClientSession, body: object, *, status: int = 200) -> Any:
    async with session.post("/v1/query", json=body) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def test_a_list_of_every_tenant_is_asked_to_name_one(session: aiohttp.ClientSession) -> None:
    async with session.get("/v1/executions") as response:
        assert response.status == 422 and "name one" in await response.text()


@ON_BOTH_STORES
async def test_a_file_holds_the_rows_of_the_list_and_no_formula(session: aiohttp.ClientSession) -> None:
    for name in ("executions", "conversations"):
        rows = (await asked(session, f"/v1/{name}"))["rows"][::-1]
        lines = (await asked(session, f"/v1/exports/{name}", format="ndjson")).splitlines()
        assert [json.loads(line) for line in lines] == rows
        text = await asked(session, f"/v1/exports/{name}")
        table = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [row["key"] for row in table] == [row["key"] for row in rows]
        assert list(table[0]) == list(rows[0])
    text = await asked(session, "/v1/exports/executions", workflow="=returns")
    assert {row["workflow"] for row in csv.DictReader(io.StringIO(text, newline=""))} == {"'=returns"}
    assert len((await asked(session, "/v1/exports/executions", ended="failed")).splitlines()) == 2


async def test_a_file_that_would_be_too_long_is_refused_before_it_begins(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.api.exports.ROWS_MAX", 5)
    told = await asked(session, "/v1/exports/executions", status=422)
    assert "the period holds 5 rows or more" in str(told)
    assert len((await asked(session, "/v1/exports/executions", workflow="=returns")).splitlines()) == 4


async def test_only_so_many_files_are_written_at_once(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncio.Semaphore.locked", lambda _: True)
    assert "are being written" in str(await asked(session, "/v1/exports/executions", status=503))


@ON_BOTH_STORES
async def test_a_funnel_tells_how_far_conversations_went(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = {"steps": ["customer_wrote", "handed_over", "claimed"], "tenant": TENANT}
    found = await funnel(session, steps)
    assert [(one["step"], one["conversations"]) for one in found["steps"]] == [
        ("customer_wrote", 12),
        ("handed_over", 1),
        ("claimed", 0),
    ]
    assert (await funnel(session, {**steps, "workflow": "=returns"}))["steps"][0]["conversations"] == 3
    assert "each step may stand once" in str(await funnel(session, {"steps": ["rated", "rated"]}, status=422))
    assert "customer_wrote" in str(await funnel(session, {"steps": ["rated", "wrote"]}, status=422))
    assert "name one" in str(await funnel(session, {"steps": ["rated", "resolved"]}, status=422))
    monkeypatch.setattr("analytics.api.funnels.CONVERSATIONS_MAX", 5)
    assert "more than 5 conversations" in str(await funnel(session, steps, status=422))


async def funnel(session: aiohttp.ClientSession, body: object, *, status: int = 200) -> Any:
    async with session.post("/v1/funnels", json=body) as response:
        assert response.status == status, await response.text()
        return await response.json()
