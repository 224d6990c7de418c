"""Does the dashboard never show one question's figures under another, and ask again for what may have changed?"""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.dashboard_answers import kpis, promises, slo
from tests.support.dashboard_scenes import settled
from tests.support.dashboard_server import DashboardServer, dashboard_server
from tests.support.dashboard_views import Open, as_at_first, views_of

Change = Callable[[dict[str, Any], dict[str, Any]], tuple[int, object] | None]
FAILED = (500, {"error": "internal"})


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardServer]:
    with dashboard_server(tmp_path_factory.mktemp("quiet"), every_ms=1_800_000) as server:
        yield server


@pytest.fixture
def server(quiet: DashboardServer) -> DashboardServer:
    return as_at_first(quiet)


@pytest.fixture
def open_view(browser: Browser, server: DashboardServer) -> Iterator[Open]:
    with views_of(browser, server) as open_:
        yield open_


def changed(page: Page, change: Change) -> None:
    """Answers to queries are what `change(body, answer)` says, or as they are."""

    def handle(route: Route) -> None:
        body = route.request.post_data_json
        found = change(body, route.fetch().json())
        if found is None:
            route.fallback()
        else:
            route.fulfill(status=found[0], body=json.dumps(found[1]), content_type="application/json")

    page.route("**/v1/query", handle)


def event(server: DashboardServer) -> None:
    """Something new is counted."""
    now_ms = time.time_ns() // 1_000_000
    server.count(list(server.traffic.execution(f"new{now_ms}", now_ms)))


def test_a_question_that_fails_shows_no_figures_of_the_one_before(open_view: Open, server: DashboardServer) -> None:
    page = open_view()
    page.get_by_label("Executions", exact=True).get_by_text("As a table").click()
    server.answers["POST /v1/query"] = FAILED
    server.answers["GET /v1/alerts"] = FAILED
    page.get_by_label("Workflow", exact=True).select_option("returns")
    settled(page)
    expect(page.locator(".tile, .chart, main table, .strip")).to_have_count(0)
    panels = page.locator("section.panel").count()
    expect(page.get_by_role("alert")).to_have_count(panels + 2)  # The tiles and the alerts are no panels.


def test_a_question_that_fails_later_keeps_its_own_figures_and_says_so(
    open_view: Open, server: DashboardServer
) -> None:
    page = open_view()
    server.answers["POST /v1/query"] = FAILED
    server.answers["GET /v1/alerts"] = FAILED
    event(server)
    expect(page.locator(".tiles.is-old .tile")).to_have_count(6)
    panel = page.get_by_label("Executions", exact=True)
    expect(panel.get_by_role("alert")).to_be_visible()
    expect(panel.locator("details.is-old")).to_be_visible()
    expect(page.locator(".strip.is-old")).to_be_visible()


def test_figures_move_only_against_the_stretch_before_of_the_same_question(
    open_view: Open, server: DashboardServer
) -> None:
    page = open_view()
    told = page.locator("[data-metric=executions] .moved")
    expect(told).to_contain_text("%")
    changed(page, lambda body, _: FAILED if "to" in body else None)
    page.get_by_label("Workflow", exact=True).select_option("returns")
    settled(page)
    expect(told).to_have_text("nothing to compare")


def test_an_older_answer_is_dimmed_and_keeps_its_own_buckets(open_view: Open) -> None:
    page = open_view()
    panel = page.get_by_label("Executions", exact=True)
    panel.get_by_text("As a table").click()
    rows = panel.locator("tbody tr").count()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/v1/query", hold)
    page.get_by_role("link", name="30d", exact=True).click()
    expect(page.locator("section.panel.is-old[aria-busy=true]")).to_have_count(5)
    assert panel.locator("tbody tr").count() == rows
    page.unroute("**/v1/query")
    for route in held:
        route.fallback()
    settled(page)
    expect(page.locator(".is-old")).to_have_count(0)
    assert panel.locator("tbody tr").count() == pytest.approx(31, abs=1)


def test_what_the_chosen_item_does_not_change_is_not_dimmed(open_view: Open) -> None:
    page = open_view("slos")
    page.get_by_role("link", name="success_rate").first.click()
    settled(page)
    expect(page.get_by_role("heading", name="Error budget of success_rate, returns")).to_be_visible()
    expect(page.locator(".is-old")).to_have_count(0)


def test_over_a_past_period_alerts_go_on_and_figures_are_asked_for_again_only_if_they_failed(
    open_view: Open, server: DashboardServer
) -> None:
    past = f"from={server.now_ms - 7_200_000}&to={server.now_ms - 3_600_000}"
    server.answers["POST /v1/query"] = FAILED
    server.answers["GET /v1/alerts"] = (200, {"alerts": []})
    page = open_view(f"overview?{past}")
    expect(page.locator("main").get_by_role("alert").first).to_be_visible()
    del server.answers["POST /v1/query"]
    event(server)
    expect(page.locator("main").get_by_role("alert")).to_have_count(0)
    settled(page)
    asked = len(server.asked)
    server.answers.update(promises(server.now_ms))
    event(server)
    expect(page.locator(".strip li")).to_have_count(2)
    assert len(server.asked) == asked


def test_a_chart_that_has_not_all_rows_says_so(open_view: Open) -> None:
    def cut(body: dict[str, Any], answer: dict[str, Any]) -> tuple[int, object]:
        return 200, {**answer, "is_cut": "bucket" in body and "dimensions" in body}

    page = open_view(before=lambda page: changed(page, cut))
    expect(page.get_by_text(re.compile("the newest are missing"))).to_have_count(1)
    expect(page.get_by_label("Cost by workflow").get_by_text("the newest are missing")).to_be_visible()


def test_a_promise_without_a_budget_is_kept_or_broken_by_what_was_measured(
    open_view: Open, server: DashboardServer
) -> None:
    unbudgeted = {"budget": None, "budget_left": None}
    slos = [
        slo("dear", "cost_per_request <= 0.15", measured=0.4, holds=False, **unbudgeted),
        slo("cheap", "cost_per_request <= 0.5", measured=0.4, holds=True, **unbudgeted),
        slo("young", "success_rate >= 0.95", measured=0.5, events=3, holds=None, budget_left=-9),
    ]
    server.answers["GET /v1/slos"] = (200, {"slos": slos})
    rows = open_view("slos").get_by_role("region", name="SLOs").get_by_role("row")
    for name, state in (("dear", "Broken"), ("cheap", "Kept"), ("young", "No data")):
        expect(rows.filter(has_text=name).locator(".phase")).to_have_text(state)


def test_revenue_that_fell_to_nothing_stands_beside_what_it_was(open_view: Open, server: DashboardServer) -> None:
    _, answer = kpis(server.now_ms)["GET /v1/kpis"]
    answer["period"]["figures"]["revenue_micros"] = {}
    del answer["period"]["figures"]["rates"]["revenue_micros_per_execution.EUR"]
    server.answers["GET /v1/kpis"] = (200, answer)
    page = open_view("kpis")
    expect(page.locator("[data-kpi=revenue]")).to_have_text(re.compile(r"€0\.00.*before: €8,412\.50", re.DOTALL))
    expect(page.get_by_role("row", name="Revenue, each execution")).to_contain_text("2.041")


@pytest.mark.parametrize(
    ("view", "asked"),
    [("kpis", "GET /v1/kpis"), ("experiments?item=acme%2Fshorter-prompt", "GET /v1/experiments/acme/shorter-prompt")],
)
def test_figures_that_are_not_all_counted_yet_say_so(
    view: str, asked: str, open_view: Open, server: DashboardServer
) -> None:
    status, answer = server.answers[asked]
    assert isinstance(answer, dict)
    server.answers[asked] = (status, {**answer, "is_complete": False})
    expect(open_view(view).get_by_text("All is counted anew after an upgrade")).to_be_visible()


def test_what_is_read_by_the_keyboard_stays_where_the_mouse_goes_away(open_view: Open) -> None:
    page = open_view()
    chart = page.locator(".chart").first
    chart.hover()
    chart.focus()
    expect(chart.locator(".tooltip time")).to_be_visible()  # That of the mouse comes first.
    page.keyboard.press("End")
    expect(chart.get_by_role("status")).not_to_be_empty()
    read = chart.locator(".tooltip time").inner_text()
    page.mouse.move(1, 1)
    page.wait_for_timeout(200)
    expect(chart.locator(".tooltip time")).to_have_text(read)


def test_an_answer_that_breaks_off_is_none(open_view: Open) -> None:
    def broken(page: Page) -> None:
        page.route("**/v1/slos", lambda route: route.fulfill(status=200, body='{"slos":'))

    expect(open_view("slos", broken).get_by_label("SLOs", exact=True).get_by_role("alert")).to_contain_text(
        "not reached"
    )


def test_the_cross_of_a_query_leads_back_to_its_button_and_what_cannot_be_copied_is_said(open_view: Open) -> None:
    page = open_view("slos")
    button = page.get_by_role("button", name="Query of SLOs")
    button.click()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_text("The browser did not allow it")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


SILENT_SOURCE = """
globalThis.sources = [];
globalThis.EventSource = class extends EventTarget {
  constructor() { super(); sources.push(this); }
  close() {}
};
globalThis.told = () => sources.at(-1).dispatchEvent(new MessageEvent("counted", {data: '{"as_of_seq": 1}'}));
"""


def test_a_connection_that_falls_silent_is_not_called_live_and_is_tried_anew_in_its_time(open_view: Open) -> None:
    def silent(page: Page) -> None:
        page.clock.install()
        page.add_init_script(SILENT_SOURCE)

    page = open_view("slos", silent)
    page.evaluate("told()")
    expect(page.locator(".connection-live")).to_be_visible()
    page.clock.fast_forward(31_000)
    expect(page.locator(".connection-reconnecting")).to_be_visible()
    page.clock.fast_forward(11_000)
    assert page.evaluate("sources.length") == 2
    page.evaluate("told()")
    expect(page.locator(".connection-live")).to_be_visible()


def test_workflows_behind_many_versions_can_be_chosen(open_view: Open) -> None:
    def paged(route: Route) -> None:
        page = 1 if "cursor=more" in route.request.url else 0
        name, cursor = (("busy", "more"), ("rare", None))[page]
        versions = [{"tenant": "acme", "workflow": name, "version": str(number)} for number in range(3)]
        route.fulfill(json={"workflows": versions, "next_cursor": cursor})

    page = open_view("slos", lambda page: page.route("**/v1/workflows?*", paged))
    expect(page.get_by_label("Workflow", exact=True).locator("option")).to_have_text(["All workflows", "busy", "rare"])


def test_an_evaluation_says_which_k_it_was_played_for_and_stands_among_its_like(open_view: Open) -> None:
    page = open_view("evaluations")
    expect(page.get_by_role("region", name="All evaluations").get_by_text("pass^4")).to_have_count(9)
    chart = page.locator(".chart")
    expect(chart.locator(".legend li")).to_have_text(["Pass rate", "pass^4", "Success rate"])
    page.get_by_role("link", name="returns_smoke returns · replayed model").click()
    expect(page.get_by_text("A line needs two evaluations")).to_be_visible()
    page.get_by_role("link", name="retail_train retail").click()
    expect(chart).to_be_visible()
