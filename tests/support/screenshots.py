"""`make catalogue KIND=pictures`: what do the pages look like in every view and state? Writes docs/images.

The inbox is shown on an API in memory, where every state can be set up; dashboards on a store of two days; login and
chat on the real system.
"""

import asyncio
import io
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser as AsyncBrowser
from playwright.async_api import async_playwright
from playwright.sync_api import Browser, Page, ViewportSize

from hil.embedded.plan import AllInThisProcess
from tests.support.browser import chromium, opened, running_browser
from tests.support.dashboard_scenes import pictures
from tests.support.inbox_page_server import PageServer, page_server
from tests.support.inbox_scenes import SCENES
from tests.support.inbox_token import as_agent, give_person
from tests.support.whole_system import WholeSystem, whole_system

FOLDER = Path(__file__).parents[2] / "docs" / "images"
PICTURE_BYTES_MAX = 150_000
ALL_BYTES_MAX = 3_500_000
SIZE: ViewportSize = {"width": 1360, "height": 800}
NARROW: ViewportSize = {"width": 420, "height": 800}
DARK = ("queue", "approval", "supervisor")


def main() -> None:
    """Take them all; a picture that is too big for a repository is refused."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with running_browser() as browser:
        for name, scene in SCENES.items():
            take(browser, f"inbox-{name}", scene)
        for name in DARK:
            take(browser, f"inbox-{name}-dark", SCENES[name], color_scheme="dark")
        for name in ("list", "owned", "approval"):
            take(browser, f"inbox-{name}-narrow", SCENES.get(name, nothing), size=NARROW)
        with tempfile.TemporaryDirectory(prefix="screenshots-") as scratch:
            pictures(browser, Path(scratch), keep)
    with tempfile.TemporaryDirectory(prefix="screenshots-") as scratch:
        asyncio.run(real_pages(Path(scratch)))
    sizes = {path.name: path.stat().st_size for path in FOLDER.glob("*.png")}
    for name, size in sorted(sizes.items()):
        print(f"{size:>8} {name}")
    too_big = [name for name, size in sizes.items() if size > PICTURE_BYTES_MAX]
    if too_big or sum(sizes.values()) > ALL_BYTES_MAX:
        raise SystemExit(
            f"too big: {too_big or sum(sizes.values())}; at most {PICTURE_BYTES_MAX} each, {ALL_BYTES_MAX} in all"
        )


def keep(name: str, picture: bytes) -> None:
    """With its 256 most frequent colours: a page's grounds stay as they are, and it takes a third of the room."""
    with Image.open(io.BytesIO(picture)) as opened_picture:
        full = opened_picture.convert("RGB")
    counted = sorted(full.getcolors(full.width * full.height) or (), reverse=True)[:256]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in counted for part in colour])
    full.quantize(palette=palette, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


def nothing(page: Page, server: PageServer) -> None:
    """The page as it opens."""


def take(
    browser: Browser,
    name: str,
    scene: Callable[[Page, PageServer], None],
    *,
    size: ViewportSize = SIZE,
    **settings: object,
) -> None:
    """One view of the inbox."""
    with page_server(remark="It was a present, so I need it soon.") as server:
        page = opened(browser, server.url, viewport=SIZE, reduced_motion="reduce", **settings)
        page.locator("[data-row]").first.wait_for()
        scene(page, server)
        page.mouse.move(0, 0)
        page.set_viewport_size(size)
        keep(name, page.screenshot())
        page.context.close()


async def real_pages(scratch: Path) -> None:
    """Login, and a customer's chat in which a person has answered."""
    async with (
        whole_system(scratch, layout=AllInThisProcess()) as system,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        login = await browser.new_page(viewport=SIZE)
        await login.goto(f"{system.stack.endpoints['hil_inbox']}/login")
        keep("login", await login.screenshot())
        await chat(browser, system)
        await browser.close()


async def chat(browser: AsyncBrowser, system: WholeSystem) -> None:
    """The AI answers, then a person does."""
    page = await browser.new_page(viewport={"width": 480, "height": 720})
    await page.goto(f"{system.stack.endpoints['hil_inbox_chat']}/chat")
    await give_person(f"sqlite:///{system.stack.plan.data_dir}/stores/hil_inbox.sqlite3", "ana")
    for text, answer in (("Hello, is anybody there?", "li.ai"), ("do transfer", "li.system")):
        await page.locator("#text").fill(text)
        await page.locator("#text").press("Enter")
        await page.locator(answer).first.wait_for()
    _, queue = await system.http("hil_inbox", "/v1/queue?state=waiting")
    [row] = [row for row in queue["rows"] if row["kind"] == "handover"]
    act = partial(command, system, row["id"])
    await act("claim", {}, row["epoch"])
    await act("reply", {"text": "I am Ana, a person. The refund goes to your card today."}, row["epoch"] + 1)
    await page.locator("li.human_agent").wait_for()
    keep("chat", await page.screenshot())
    await page.emulate_media(color_scheme="dark")
    keep("chat-dark", await page.screenshot())


async def command(system: WholeSystem, id_: str, verb: str, body: object, epoch: int) -> None:
    """What Ana does."""
    path = f"/v1/handovers/{id_}/{verb}"
    status, answer = await system.http("hil_inbox", path, body, command_id=f"{verb}-1", more=as_agent("ana", epoch))
    if status >= 300:
        raise SystemExit(f"{verb}: {status} {answer}")


if __name__ == "__main__":
    main()
