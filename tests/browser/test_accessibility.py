"""Does axe find anything against WCAG 2.2 A or AA in any view or state, light, dark or narrow?"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Open
from tests.support.browser import CONTRAST, violations
from tests.support.inbox_page_server import PageServer, page_server
from tests.support.inbox_scenes import DIALOGS, SCENES, drafted, failing

# Around these parts the page is as in the scenes that are looked at as a whole.
PARTS = {
    **dict.fromkeys(("approval-edit", "approval-reject", "approval-irreversible", "approval-expired"), "#conversation"),
    **dict.fromkeys(("filtered", "empty"), ".list-pane"),
    "owned-by-another": "#conversation",
    "palette": "dialog",
}
TOGETHER = {"draft", "sending", "send-failed", "note", *DIALOGS}


@pytest.fixture
def server() -> Iterator[PageServer]:
    """With a short list: every row is like the others."""
    with page_server(handovers=5) as server:
        yield server


def light_and_dark(page: Page, within: str = "html") -> list[str]:
    """What is found; in the dark only colours are different."""
    page.emulate_media(color_scheme="light")
    found = violations(page, within=within)
    page.emulate_media(color_scheme="dark")
    return found + violations(page, CONTRAST, within=within)


@pytest.mark.parametrize("name", [name for name in SCENES if name not in TOGETHER])
def test_axe_finds_nothing(name: str, open_page: Open, server: PageServer) -> None:
    page = open_page(reduced_motion="reduce")
    SCENES[name](page, server)
    found = light_and_dark(page, PARTS.get(name, "html"))
    if name in ("queue", "approval", "supervisor"):
        page.set_viewport_size({"width": 420, "height": 860})
        found += violations(page)
    page.context.set_offline(False)
    assert found == []


def test_axe_finds_nothing_in_a_dialog(open_page: Open, server: PageServer) -> None:
    page = open_page(reduced_motion="reduce")
    SCENES["owned"](page, server)
    page.keyboard.press("Escape")
    found = []
    for key in DIALOGS.values():
        page.keyboard.press(key)
        page.get_by_role("dialog").wait_for()
        found += light_and_dark(page, "dialog")
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="detached")
    assert found == []


def test_axe_finds_nothing_while_a_person_writes(open_page: Open, server: PageServer) -> None:
    page = open_page(reduced_motion="reduce")
    drafted(page, server)
    found = light_and_dark(page, "#conversation")
    failing(page, server)
    page.locator("#composer").fill("Another reply that waits")
    server.refusals.clear()
    page.get_by_role("button", name="Send to customer").click()
    page.locator(".is-held").wait_for()
    found += light_and_dark(page, "#conversation")
    page.get_by_role("button", name="Note", exact=True).click()
    page.keyboard.type("The warehouse confirmed it by phone.")
    found += light_and_dark(page, "#conversation")
    assert found == []
