"""One browser for each module: a page's contexts are cheap, a browser is not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import opened, running_browser
from tests.support.inbox_page_server import PageServer, page_server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def server() -> Iterator[PageServer]:
    with page_server() as server:
        yield server


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, server: PageServer) -> Iterator[Open]:
    """Opens the inbox in a context of its own, once its list is there; fails where a script failed."""
    pages: list[Page] = []
    problems: list[str] = []

    def open_(path: str = "/", *, rows: bool = True, **settings: Any) -> Page:
        page = opened(browser, f"{server.url}{path}", **settings)
        page.on("pageerror", lambda error: problems.append(str(error)))
        pages.append(page)
        page.locator(".connection-live").wait_for()
        if rows:
            page.locator("[data-row]").first.wait_for()
        return page

    yield open_
    for page in pages:
        page.context.close()
    assert problems == []
