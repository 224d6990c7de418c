"""What do the dashboards look like in each view and state?"""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.support.browser import opened
from tests.support.dashboard_answers import everything
from tests.support.dashboard_server import DashboardServer, dashboard_server

VIEWS = {
    "overview": "overview",
    "workflow": "workflow?workflow=returns",
    "slos": "slos?item=acme%2Freturns%2Fsuccess_rate",
    "cost": "cost",
    "handovers": "handovers",
    "experiments": "experiments?item=acme%2Fshorter-prompt",
    "evaluations": "evaluations",
    "kpis": "kpis",
}
DARK = ("overview", "slos")
NARROW: ViewportSize = {"width": 420, "height": 800}
SIZE: ViewportSize = {"width": 1360, "height": 860}


def settled(page: Page) -> None:
    """No part waits for its first answer any more."""
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def pictures(browser: Browser, folder: Path, keep: Callable[[str, bytes], None]) -> None:
    """Each by its name: every view, two in the dark, one on a telephone, the query of a chart, and an error."""
    with dashboard_server(folder, every_ms=150_000) as server:
        server.answers.update(everything(server.now_ms, attack=False))
        for name, address in VIEWS.items():
            keep(f"dashboard-{name}", taken(browser, server, address))
        for name in DARK:
            keep(f"dashboard-{name}-dark", taken(browser, server, VIEWS[name], color_scheme="dark"))
        keep("dashboard-overview-narrow", taken(browser, server, "overview", viewport=NARROW))
        keep("dashboard-tooltip", taken(browser, server, "overview", act=hovered))
        keep("dashboard-query", taken(browser, server, "overview", act=asked))
        told = {"error": "invalid_request", "problems": [{"field": "from", "problem": "the period holds too much"}]}
        server.answers["POST /v1/query"] = (422, told)
        keep("dashboard-error", taken(browser, server, "overview"))


def taken(
    browser: Browser,
    server: DashboardServer,
    address: str,
    *,
    act: Callable[[Page], None] | None = None,
    **settings: object,
) -> bytes:
    """A picture of what is seen first."""
    page = opened(browser, f"{server.url}/#/{address}", **{"viewport": SIZE, "reduced_motion": "reduce", **settings})
    settled(page)
    expect(page.locator(".connection-live")).to_be_visible()
    if act is not None:
        act(page)
    picture = page.screenshot()
    page.context.close()
    return picture


def hovered(page: Page) -> None:
    page.locator(".u-over").nth(2).hover(position={"x": 260, "y": 60})


def asked(page: Page) -> None:
    page.get_by_role("button", name="Query of Success and handover").click()
