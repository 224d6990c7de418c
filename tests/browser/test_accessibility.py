"""Does axe find anything against WCAG 2.2 A or AA in any view or state, light, dark or narrow?"""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import Open
from tests.support.browser import CONTRAST, violations
from tests.support.inbox_page_server import PageServer, page_server
from tests.support.inbox_scenes import SCENES


@pytest.fixture
def server() -> Iterator[PageServer]:
    """With a short list: every row is like the others."""
    with page_server(handovers=5) as server:
        yield server


@pytest.mark.parametrize("name", SCENES)
def test_axe_finds_nothing(name: str, open_page: Open, server: PageServer) -> None:
    page = open_page(reduced_motion="reduce")
    SCENES[name](page, server)
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    found += violations(page, CONTRAST)  # Nothing else depends on colours.
    if name in ("queue", "approval", "supervisor"):
        page.set_viewport_size({"width": 420, "height": 860})
        found += violations(page)
    page.context.set_offline(False)
    assert found == []
