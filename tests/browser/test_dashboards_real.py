"""Does the dashboard of a running service let an analyst in, and show an event of the log within two seconds?"""

import asyncio
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
from playwright.async_api import Locator, Page, async_playwright, expect
from playwright.async_api import TimeoutError as NotSeen

from analytics.app import serve
from analytics.settings import Settings
from contracts.kpis import KpiRecorded
from contracts.streams import WORKFLOW_FACTS_BUCKET
from contracts.workflow_facts import WorkflowFacts, facts_key
from hil.embedded.ports import free_port
from service_kit.connection import Connection
from tests.support.analytics_token import give_token
from tests.support.browser import chromium, violations_of
from tests.support.handovers import ended, put
from tests.support.kit import TENANT, kit
from tests.support.running_service import running_service
from tests.support.slo_scenarios import promise
from tests.support.start_servers import NatsServer

TILE = "[data-metric=executions] .tile-value"


async def test_an_analyst_signs_in_and_sees_each_event_within_two_seconds(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path}/analytics.sqlite3"
    settings = Settings(nats_url=nats_server.url, store_url=store, http_port=free_port(), log_level="error")
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session, async_playwright() as playwright:
        token = await give_token(store, TENANT)
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = await browser.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if "Security Policy" in said.text else None)
        await signed_in(page, f"http://127.0.0.1:{settings.http_port}", token)
        await expect(page.locator(TILE)).to_have_text("0")
        for number in range(1, 4):
            await seen_at_once(page, connection, number)
        await expect(page.get_by_role("row", name="support")).to_contain_text("3")
        assert await told(session, token, connection) <= 3
        await kept_promise(page, connection)
        await page.get_by_role("link", name="KPIs").click()
        await expect(page.locator("[data-kpi=unaided] .tile-value")).to_have_text("100.0 %")
        await page.get_by_role("link", name="Experiments").click()
        await expect(page.get_by_text("There is no experiment here.")).to_be_visible()
        await page.get_by_role("link", name="Evaluations").click()
        await expect(page.get_by_text("No evaluation was told of.").first).to_be_visible()
        assert await reported(f"http://127.0.0.1:{settings.http_port}", token, tmp_path / "report.html")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("API token")).to_be_visible()
        await browser.close()
        assert problems == []


async def signed_in(page: Page, url: str, token: str) -> None:
    """From the page, over the form, back to the page."""
    await page.goto(url)
    assert await violations_of(page) == []
    await page.get_by_label("API token").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator(".connection-live")).to_be_visible()


async def seen_at_once(page: Page, connection: Connection, number: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    message = ended(f"x{number}", started_ms=now_ms - 1_000, finished_ms=now_ms)
    await put(connection, message, f"c{number}")
    stored = time.monotonic()
    await expect(page.locator(TILE)).to_have_text(str(number), timeout=5_000)
    assert time.monotonic() - stored < 2


async def kept_promise(page: Page, connection: Connection) -> None:
    """What the version in force promises, and its budget over time."""
    bucket = await connection.jetstream.key_value(WORKFLOW_FACTS_BUCKET)
    facts = WorkflowFacts(workflow="support", version="1", content_hash="h", slos=promise(0.99))
    await bucket.put(facts_key("_all", "support"), facts.model_dump_json().encode())
    await page.get_by_role("link", name="SLOs").click()
    row = page.get_by_role("region", name="SLOs").get_by_role("row", name="support")
    await expect(row).to_contain_text("100.0 %", timeout=15_000)
    await row.get_by_role("link").click()
    chart = page.get_by_label("Error budget of").locator(".chart")
    await read_the_end(page, chart)
    async with page.expect_response("**/burn-down"):
        await put(connection, KpiRecorded(kpi_id="W7", name="retention"), "c1")
    await asyncio.sleep(0.5)  # The chart has the new answer.
    await expect(page.locator(".tooltip dd")).to_have_text("100 %")


async def read_the_end(page: Page, chart: Locator) -> None:
    """By the keyboard, again if the chart was drawn anew just then."""
    shown = page.locator(".tooltip dd")
    for _ in range(10):
        await chart.focus()
        await page.keyboard.press("End")
        with suppress(NotSeen):
            await shown.wait_for(timeout=1_000)
            break
    await expect(shown).to_have_text("100 %")


async def reported(url: str, token: str, file: Path) -> bool:
    """Whether `hil report` says the same."""
    asked = [sys.executable, "-m", "hil", "report", "--html", str(file)]
    env = {**os.environ, "HIL_ANALYTICS_URL": url, "HIL_ANALYTICS_TOKEN": token}
    command = await asyncio.create_subprocess_exec(*asked, env=env, stdout=asyncio.subprocess.PIPE)
    told, _ = await command.communicate()
    text = await asyncio.to_thread(file.read_text)
    return b" 23 executions " in told and all(one in text for one in ("What it was worth", "success_rate", "<svg"))


async def told(session: aiohttp.ClientSession, token: str, connection: Connection) -> int:
    """Events of the stream within a second in which something is counted all the time."""
    async with session.get("/v1/live", headers={"Authorization": f"Bearer {token}"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events, end = 0, time.monotonic() + 1
        for number in range(20):
            await put(connection, ended(f"y{number}"), f"d{number}")
        while (left := end - time.monotonic()) > 0:
            try:
                line = await asyncio.wait_for(response.content.readline(), left)
            except TimeoutError:
                break
            events += line.startswith(b"event: counted")
        return events
