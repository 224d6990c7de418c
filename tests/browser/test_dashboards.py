"""Does the dashboard tell the truth, at once, to everybody? On analytics' own routes and a store of two days."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import CONTRAST, opened, violations
from tests.support.dashboard_answers import HOSTILE, everything
from tests.support.dashboard_scenes import VIEWS, settled
from tests.support.dashboard_server import DashboardServer, dashboard_server
from tests.support.dashboard_traffic import FLOWS
from tests.support.dashboard_views import Open, as_at_first, views_of


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardServer]:
    with dashboard_server(tmp_path_factory.mktemp("busy")) as server:
        yield server


@pytest.fixture
def server(busy: DashboardServer) -> DashboardServer:
    return as_at_first(busy)


@pytest.fixture
def open_view(browser: Browser, server: DashboardServer) -> Iterator[Open]:
    with views_of(browser, server) as open_:
        yield open_


def asked(server: DashboardServer, figures: str, has: str) -> dict[str, Any]:
    """What the page asked for, and the answer to just that."""
    body = next(
        body
        for _, body in server.asked
        if body["figures"] == figures and has in body["metrics"] and not {"dimensions", "bucket", "to"} & body.keys()
    )
    answer: dict[str, Any] = requests.post(f"{server.url}/v1/query", json=body, timeout=10).json()
    return answer


def texts(page: Page, where: str) -> list[str]:
    return page.locator(where).all_inner_texts()


def test_every_figure_of_the_overview_is_the_api_s(open_view: Open, server: DashboardServer) -> None:
    page = open_view()
    [row] = asked(server, "executions", "cost_per_request")["rows"]
    exact = {name: page.locator(f"[data-metric={name}] .tile-value").get_attribute("title") for name in row}
    assert exact["executions"] == f"{row['executions']:,}"
    assert exact["success_rate"] == f"{row['success_rate'] * 100:.4f}".rstrip("0").rstrip(".") + " %"
    assert float((exact["cost_usd"] or "").strip("$")) == pytest.approx(row["cost_usd"], abs=1e-6)
    assert float((exact["p95_latency_ms"] or "").removesuffix(" ms").replace(",", "")) == pytest.approx(
        row["p95_latency_ms"], abs=0.06
    )


def test_the_table_of_workflows_has_the_api_s_rows_in_its_order(open_view: Open, server: DashboardServer) -> None:
    page = open_view()
    body = next(body for _, body in server.asked if body.get("dimensions") == ["workflow"] and not body.get("bucket"))
    rows = requests.post(f"{server.url}/v1/query", json=body, timeout=10).json()["rows"]
    shown = page.get_by_role("region", name="Workflows").locator("tbody tr")
    assert [shown.nth(index).locator("th").inner_text() for index in range(len(rows))] == [
        row["workflow"] for row in rows
    ]
    assert [int(shown.nth(index).locator("td").first.inner_text()) for index in range(len(rows))] == [
        row["executions"] for row in rows
    ]


def test_the_table_behind_a_chart_and_the_arrow_keys_tell_the_points_of_the_answer(
    open_view: Open, server: DashboardServer
) -> None:
    page = open_view()
    panel = page.get_by_label("Executions", exact=True)
    panel.get_by_text("As a table").click()
    body = next(body for _, body in server.asked if body["metrics"] == ["executions", "successes"])
    answer = requests.post(f"{server.url}/v1/query", json=body, timeout=10).json()
    counts = [int(text) for text in texts(page, "section[aria-label=Executions] tbody td:nth-child(2)")]
    assert sum(counts) == sum(row["successes"] for row in answer["rows"])
    panel.locator(".chart").focus()
    page.keyboard.press("End")
    expect(panel.locator(".tooltip dd").first).to_have_text(str(counts[0]))
    page.keyboard.press("ArrowLeft")
    expect(panel.locator(".tooltip dd").first).to_have_text(str(counts[1]))
    expect(panel.get_by_role("status")).to_contain_text(f"Successful {counts[1]}")
    page.keyboard.press("Escape")
    expect(panel.locator(".tooltip")).to_have_count(0)


def test_an_event_is_on_the_page_within_two_seconds(open_view: Open, server: DashboardServer) -> None:
    page = open_view()
    expect(page.locator(".connection-live")).to_be_visible()
    tile = page.locator("[data-metric=executions] .tile-value")
    before = int(tile.inner_text())
    now_ms = time.time_ns() // 1_000_000
    server.count(list(server.traffic.execution(f"new{now_ms}", now_ms)))
    expect(tile).to_have_text(str(before + 1), timeout=2_000)
    expect(page.locator(".seq")).to_have_attribute("data-seq", str(server.traffic.sequence))


def test_every_chart_leads_to_its_query_which_gives_the_same_answer(open_view: Open, server: DashboardServer) -> None:
    page = open_view("overview")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    header = {"content-type": "application/json"}
    for button in page.get_by_role("button", name=re.compile("^Query of")).all():
        button.click()
        dialog = page.get_by_role("dialog")
        body = dialog.locator("pre").inner_text()
        assert requests.post(f"{server.url}/v1/query", data=body, headers=header, timeout=10).status_code == 200
        dialog.get_by_role("button", name="Copy as curl").click()
        expect(dialog.get_by_text("Copied")).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    command = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20, check=True)
    assert json.loads(done.stdout)["rows"]


def test_a_stretch_is_chosen_by_name_by_hand_or_by_dragging_and_stands_in_the_address(
    open_view: Open, server: DashboardServer
) -> None:
    page = open_view()
    page.get_by_role("link", name="1h", exact=True).click()
    expect(page).to_have_url(re.compile(r"period=1h"))
    settled(page)
    assert server.asked[-1][1].get("bucket", "minute") == "minute"
    page.get_by_role("link", name="24h", exact=True).click()
    settled(page)
    over = page.locator(".u-over").first
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=\d+&to=\d+"))
    settled(page)
    from_ms, to_ms = (int(one) for one in re.findall(r"(?:from|to)=(\d+)", page.url))
    assert to_ms - from_ms == pytest.approx(6 * 3_600_000, rel=0.1)
    page.get_by_role("button", name=re.compile("–")).click()
    page.get_by_label("From", exact=True).fill("2026-01-02T10:00")
    page.get_by_label("To", exact=True).fill("2026-01-02T09:00")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("at least a minute")
    page.get_by_label("To", exact=True).fill("2026-01-02T12:00")
    page.get_by_role("button", name="Show").click()
    settled(page)
    expect(page.get_by_text("Nothing was counted in this period.").first).to_be_visible()
    expect(page.locator("[data-metric=success_rate] .tile-value")).to_have_text("–")


def test_a_workflow_is_chosen_above_or_by_its_row_and_filters_what_is_counted_by_workflow(
    open_view: Open, server: DashboardServer
) -> None:
    page = open_view()
    page.get_by_role("link", name="returns", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Workflow")
    settled(page)
    bodies = [body for _, body in server.asked[-5:]]
    assert {tuple(body["filters"]["workflow"]) for body in bodies} == {("returns",)}
    page.get_by_label("Workflow", exact=True).select_option("technical_issues")
    expect(page).to_have_url(re.compile("workflow=technical_issues"))


def test_what_is_wrong_is_said_with_what_to_do_and_is_over_when_it_is_over(
    open_view: Open, server: DashboardServer
) -> None:
    told = {"error": "invalid_request", "problems": [{"field": "from", "problem": "too many rollups"}]}
    server.answers["POST /v1/query"] = (422, told)
    page = open_view()
    expect(page.get_by_role("alert").first).to_contain_text("Choose a shorter period")
    expect(page.get_by_role("alert").first).to_contain_text("from: too many rollups")
    del server.answers["POST /v1/query"]
    server.count(list(server.traffic.execution("again", time.time_ns() // 1_000_000)))
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("[data-metric=executions] .tile-value")).to_have_text(re.compile(r"^\d+$"))


def test_whoever_is_not_known_is_led_to_the_way_in_and_back(open_view: Open, server: DashboardServer) -> None:
    server.answers["POST /v1/query"] = (401, {"error": "unauthenticated"})
    page = open_view("cost")
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", "/login?next=%2F%23%2Fcost")
    assert violations(page) == []


def test_a_service_that_was_away_is_asked_again_as_soon_as_it_is_back(open_view: Open, server: DashboardServer) -> None:
    page = open_view()
    page.context.set_offline(True)
    expect(page.get_by_text("This computer is offline.")).to_be_visible()
    page.get_by_role("link", name="7d", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text("was not reached")
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".connection-live")).to_be_visible()


def test_a_node_that_fails_more_than_it_uses_to_is_told_with_examples(open_view: Open) -> None:
    page = open_view("workflow?workflow=returns")
    row = page.get_by_role("region", name="Failure patterns").get_by_role("row", name="check_eligibility")
    for told in ("timeout", "14 of 31", "2.1 %", "Goes on", "c81"):
        expect(row).to_contain_text(told)


def test_names_that_are_markup_stay_text(open_view: Open) -> None:
    page = open_view("slos")
    expect(page.get_by_role("row", name=re.compile(re.escape(HOSTILE))).first).to_be_visible()
    assert page.locator("img").count() == 0


def test_the_budget_of_a_promise_is_drawn_and_told(open_view: Open) -> None:
    page = open_view("slos")
    page.get_by_role("link", name="success_rate").first.click()
    panel = page.get_by_label("Error budget of success_rate, returns")
    panel.locator(".chart").focus()
    page.keyboard.press("End")
    expect(panel.locator(".tooltip dd")).to_have_text("24 %")
    broken = page.get_by_role("row", name=re.compile("handover_rate"))
    expect(broken.first).to_contain_text("-17.0 %")


def test_an_alert_that_fires_stands_above_the_overview(open_view: Open) -> None:
    page = open_view()
    strip = page.get_by_label("Active alerts")
    expect(strip.get_by_role("link")).to_have_count(2)
    strip.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("SLOs")


def test_the_way_through_the_page_works_by_keyboard(open_view: Open) -> None:
    page = open_view()
    page.locator("body").press("Tab")
    expect(page.get_by_text("Skip to the figures")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.get_by_role("button", name="Success rate").press("Enter")
    head = page.locator("section[aria-label=Workflows] th[aria-sort]")
    expect(head).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Success rate").press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")


def test_every_text_comes_from_the_catalogue(open_view: Open, server: DashboardServer) -> None:
    page = open_view()
    page.goto(f"{server.url}/?lang=xx#/overview")
    settled(page)
    said = page.locator("h1, h2, .tile-label, .views a, label, summary, button, .empty p, .legend li").all_inner_texts()
    plain = [text for text in said if re.search("[A-Za-z]{3}", text) and text not in FLOWS]
    assert plain == []


@pytest.fixture(scope="module")
def one_page(browser: Browser, busy: DashboardServer) -> Iterator[Page]:
    """Of which every view is looked at in turn: it is loaded once."""
    busy.answers.update(everything(busy.now_ms))
    page = opened(browser, f"{busy.url}/#/overview", reduced_motion="reduce")
    yield page
    page.context.close()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_light_dark_or_narrow(view: str, one_page: Page) -> None:
    one_page.set_viewport_size({"width": 1440, "height": 900})
    one_page.emulate_media(color_scheme="light")
    one_page.evaluate("address => { location.hash = address; }", f"/{VIEWS[view]}")
    expect(one_page.locator(f".views a[aria-current][href^='#/{view}']")).to_be_visible()
    settled(one_page)
    found = violations(one_page)
    one_page.emulate_media(color_scheme="dark")
    found += violations(one_page, CONTRAST)
    one_page.set_viewport_size({"width": 400, "height": 800})
    if view in ("overview", "slos"):
        found += violations(one_page)
    assert found == []
    assert one_page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_axe_finds_nothing_in_the_dialog_and_the_tooltip(open_view: Open) -> None:
    page = open_view()
    page.locator(".chart").first.focus()
    page.keyboard.press("Home")
    found = violations(page)
    page.get_by_role("button", name=re.compile("^Query of")).first.click()
    assert found + violations(page, within="dialog") == []


def test_an_empty_service_says_so(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    with dashboard_server(tmp_path_factory.mktemp("empty"), days=0) as server:
        page = opened(browser, f"{server.url}/#/overview")
        settled(page)
        expect(page.get_by_text("Nothing was counted in this period.").first).to_be_visible()
        expect(page.locator("[data-metric=executions] .tile-value")).to_have_text("0")
        page.goto(f"{server.url}/#/slos")
        expect(page.get_by_text("There is nothing of this kind in the service.").first).to_be_visible()
        page.context.close()
