"""Does axe find anything against WCAG 2.2 A or AA in any view or state, light, dark or narrow?"""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import Open
from tests.support.browser import CONTRAST, violations
from tests.support.inbox_page_server import PageServer, page_server
from tests.support.inbox_scenes import SCENES

# Around these parts the page is as in the scenes that are looked at as a whole.
PARTS = {
    **dict.fromkeys(("transfer", "snooze", "return-to-ai", "keys", "palette"), "dialog"),
    **dict.fromkeys(("draft", "sending", "send-failed", "note", "owned-by-another"), "#conversation"),
    **dict.fromkeys(("approval-edit", "approval-reject", "approval-irreversible", "approval-expired"), "#conversation"),
    **dict.fromkeys(("filtered", "empty"), ".list-pane"),
}


@pytest.fixture
def server() -> Iterator[PageServer]:
    """With a short list: every row is like the others."""
    with page_server(handovers=5) as server:
        yield server


@pytest.mark.parametrize("name", SCENES)
def test_axe_finds_nothing(name: str, open_page: Open, server: PageServer) -> None:
    page = open_page(reduced_motion="reduce")
    SCENES[name](page, server)
    within = PARTS.get(name, "html")
    found = violations(page, within=within)
    page.emulate_media(color_scheme="dark")
    found += violations(page, CONTRAST, within=within)  # Nothing else depends on colours.
    if name in ("queue", "approval", "supervisor"):
        page.set_viewport_size({"width": 420, "height": 860})
        found += violations(page)
    page.context.set_offline(False)
    assert found == []
