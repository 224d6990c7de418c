"""How does a test open views of the dashboard, on a server whose answers are as at first?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

from tests.support.browser import opened
from tests.support.dashboard_answers import everything
from tests.support.dashboard_scenes import settled
from tests.support.dashboard_server import DashboardServer

Open = Callable[..., Page]


def as_at_first(server: DashboardServer) -> DashboardServer:
    """The same server, without what the test before made it answer and asked of it."""
    server.answers.clear()
    server.answers.update(everything(server.now_ms))
    server.asked.clear()
    return server


@contextmanager
def views_of(browser: Browser, server: DashboardServer) -> Iterator[Open]:
    """Opens a view in a context of its own, once it has its answers; fails where a script failed. `before` is done to
    the page before anything of it is loaded."""
    pages: list[Page] = []
    problems: list[str] = []

    def open_(view: str = "overview", before: Callable[[Page], object] = lambda _: None, **settings: Any) -> Page:
        page = opened(browser, "about:blank", reduced_motion="reduce", **settings)
        page.on("pageerror", lambda error: problems.append(str(error)))
        pages.append(page)
        before(page)
        page.goto(f"{server.url}/#/{view}")
        settled(page)
        return page

    yield open_
    for page in pages:
        page.unroute_all(behavior="ignoreErrors")
        page.context.close()
    assert problems == []
