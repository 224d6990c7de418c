"""How does a test drive the distribution's Chromium, and ask axe what is wrong with a page?"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page as AsyncPage
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.npm import installed

AXE = Path(__file__).with_name("axe")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
WAIT_MS = 10_000
RUN_AXE = "([part, options]) => axe.run(part, options)"
CONTRAST = {"type": "rule", "values": ["color-contrast"]}


def chromium() -> str:
    """Where it is; `make test` installs it on Debian."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found is not None, "no Chromium: `make test` installs it; or install the package `chromium`"
    return found


@contextmanager
def running_browser() -> Iterator[Browser]:
    """One browser; each test opens contexts of its own in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Browser, url: str, **settings: Any) -> Page:
    """A page in a context of its own that fails its test where a script fails (`problems`)."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **settings})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(url)
    return page


def violations(page: Page, options: dict[str, Any] | None = None, *, within: str = "html") -> list[str]:
    """What axe finds against WCAG 2.2 A and AA in this part, each with the first elements that it is about."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe_script())  # By the debugger's protocol, which the page's policy does not forbid.
    asked = {"runOnly": options or list(RULES), "resultTypes": ["violations"]}
    return _described(page.evaluate(RUN_AXE, [within, asked]))


async def violations_of(page: AsyncPage) -> list[str]:
    """The same of a whole page in a test that waits."""
    await page.evaluate(axe_script())
    return _described(await page.evaluate(RUN_AXE, ["html", {"runOnly": list(RULES), "resultTypes": ["violations"]}]))


def axe_script() -> str:
    """Of axe-core, which npm installs once."""
    return (installed(AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text()


def _described(found: dict[str, Any]) -> list[str]:
    return [
        f"{one['id']}: {one['help']}: {node['html'][:160]} {node['failureSummary'][:240]}"
        for one in found["violations"]
        for node in one["nodes"][:2]
    ]
