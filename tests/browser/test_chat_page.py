"""Does the customers' page do what a customer needs, on the real system: talk, wait, see who answers, rate?"""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import OctKey
from playwright.async_api import Browser, FrameLocator, Page, async_playwright, expect

from contracts.conversations import ConversationRated, MessageReceived, TurnRefused
from contracts.handovers import OpenHandover
from hil.embedded.plan import AllInThisProcess
from tests.support.browser import AXE, CONTRAST, RULES, chromium
from tests.support.handovers import BASED, put
from tests.support.inbox_token import as_agent, give_person
from tests.support.npm import installed
from tests.support.wait_until import wait_until
from tests.support.whole_system import WholeSystem, whole_system

pytestmark = pytest.mark.asyncio(loop_scope="module")
SLOW_MS = 20_000
SECRET = "signs customers' tokens, in tests only"
HOSTILE = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script><b>bold</b>'
SHOP_PAGE = """<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>
<script>window.hilChatToken = async () => (await fetch("/token")).text();</script>
<script src="{chat}/chat/embed.js" defer data-title="Ask us"></script></html>"""


@dataclass
class Counter:
    """The system, a browser, and the page of a shop on another origin."""

    system: WholeSystem
    browser: Browser
    shop: str
    problems: list[str]

    @property
    def chat(self) -> str:
        return self.system.stack.endpoints["hil_inbox_chat"]

    async def page(self, address: str, **settings: Any) -> Page:
        """In a context of its own; what a script throws is kept."""
        context = await self.browser.new_context(viewport={"width": 900, "height": 800}, **settings)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.set_default_timeout(SLOW_MS)
        await page.goto(address)
        return page

    async def customer(self, **settings: Any) -> tuple[Page, str]:
        """A stranger with the chat open, and the key of their conversation."""
        page = await self.page(f"{self.chat}/chat", **settings)
        await expect(page.locator("#speaker-text")).to_have_text("You are talking to our AI assistant", timeout=SLOW_MS)
        return page, await page.evaluate("JSON.parse(localStorage.getItem('hil-chat-session')).conversation")

    async def agent(self, path: str, epoch: int, body: object, name: str) -> None:
        status, answer = await self.system.http("hil_inbox", path, body, command_id=name, more=as_agent("ana", epoch))
        assert status in (200, 202, 204), answer

    async def handed_over(self, page: Page, key: str) -> str:
        """The customer gets a person, who is not there yet; the handover's id."""
        await write(page, "do transfer")
        await expect(page.locator("#speaker-text")).to_contain_text("Waiting for a person")
        [opened] = await self.system.messages(OpenHandover, key)
        assert isinstance(opened, OpenHandover)
        return opened.handover_id


async def write(page: Page | FrameLocator, text: str) -> None:
    await page.locator("#text").fill(text)
    await page.locator("#text").press("Enter")


def lines(page: Page | FrameLocator, author: str, text: str):
    return page.locator(f"#log li.{author}", has_text=text)


async def violations(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate((installed(AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text())
    asked = {"runOnly": options or list(RULES), "resultTypes": ["violations"]}
    found = await page.evaluate("options => axe.run(document, options)", asked)
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]]


@dataclass
class Shop:
    """A page on another origin, whose backend knows who has logged in."""

    chat: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            claims = {"sub": "customer-7", "tenant": "acme", "aud": "hil-chat", "exp": int(time.time()) + 600}
            return web.Response(text=jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET)))
        return web.Response(text=SHOP_PAGE.format(chat=self.chat), content_type="text/html")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counter(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Counter]:
    shop, app = Shop(), web.Application()
    app.router.add_get("/{path:.*}", shop.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    environment = {
        "HIL_INBOX_CHAT_ORIGINS": origin,
        "HIL_INBOX_CHAT_CUSTOMER_SECRET": SECRET,
        "HIL_INBOX_CHAT_SESSIONS_PER_MINUTE": "1000",
        "HIL_INBOX_UNDO_MS": "0",
    }
    folder: Path = tmp_path_factory.mktemp("counter")
    async with (
        whole_system(folder, layout=AllInThisProcess(), environment=environment) as system,
        async_playwright() as playwright,
    ):
        shop.chat = system.stack.endpoints["hil_inbox_chat"]
        await give_person(f"sqlite:///{system.stack.plan.data_dir}/stores/hil_inbox.sqlite3", "ana")
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        found = Counter(system, browser, origin, [])
        yield found
        await browser.close()
        await runner.cleanup()
        assert found.problems == []


async def test_a_customer_writes_sees_that_somebody_writes_and_gets_an_answer(counter: Counter) -> None:
    page, key = await counter.customer()
    await write(page, "Do you repair brakes?")
    await expect(lines(page, "ai", "you said: Do you repair brakes?")).to_have_count(1)
    await expect(lines(page, "customer", "Do you repair brakes?")).to_have_count(1)
    await write(page, "do slow:1500")
    await expect(page.locator("#typing")).to_contain_text("AI assistant is typing")
    await expect(lines(page, "ai", "done: 1500")).to_have_count(1)
    await expect(page.locator("#typing")).to_be_hidden()
    asked = (await counter.system.messages(MessageReceived, key))[-1]
    assert isinstance(asked, MessageReceived)
    refusal = TurnRefused(turn_id=asked.turn_id, input_id="i", reason="flood", based_on=BASED)
    await put(counter.system.connection, refusal, key)
    await expect(lines(page, "event", "Not accepted (flood).")).to_have_count(1)
    await expect(lines(page, "customer", "do slow:1500")).to_have_class("customer failed")
    await page.reload()
    await expect(lines(page, "ai", "you said: Do you repair brakes?")).to_have_count(1)
    await page.context.close()


async def test_words_of_an_ai_and_of_a_person_are_text_and_nothing_else(counter: Counter) -> None:
    page, key = await counter.customer()
    await write(page, HOSTILE)
    await expect(lines(page, "ai", HOSTILE)).to_have_count(1)
    id_ = await counter.handed_over(page, key)
    await counter.agent(f"/v1/handovers/{id_}/claim", 0, {}, "claim-xss")
    await counter.agent(f"/v1/handovers/{id_}/reply", 1, {"text": HOSTILE}, "reply-xss")
    await expect(lines(page, "human_agent", HOSTILE)).to_have_count(1)
    assert await page.locator("#log img, #log b, #log script").count() == 0
    assert await page.evaluate("window.harmed") is None
    await page.context.close()


async def test_who_waits_is_told_so_then_who_is_there_and_is_asked_once_how_it_was(counter: Counter) -> None:
    page, key = await counter.customer()
    id_ = await counter.handed_over(page, key)
    await expect(lines(page, "system", "Nobody of our team is here at the moment.")).to_have_count(1)
    await counter.agent(f"/v1/handovers/{id_}/claim", 0, {}, "claim-1")
    await expect(page.locator("#speaker-text")).to_have_text("You are talking to Ana")
    await expect(lines(page, "event", "Ana joined")).to_have_count(1)
    await counter.agent(f"/v1/conversations/acme/{key}/typing", 1, {}, "typing-1")
    await expect(page.locator("#typing")).to_contain_text("Ana is typing")
    found = [*await violations(page)]
    await counter.agent(f"/v1/handovers/{id_}/reply", 1, {"text": "Here I am."}, "reply-1")
    await expect(lines(page, "human_agent", "Here I am.")).to_have_count(1)
    await expect(page.locator("#typing")).to_be_hidden()
    await counter.agent(f"/v1/handovers/{id_}/resolve", 1, {"resolution": "done"}, "resolve-1")
    await expect(page.locator("#rating")).to_be_visible()
    found += await violations(page)
    await page.emulate_media(color_scheme="dark")
    found += await violations(page, CONTRAST)
    await page.set_viewport_size({"width": 320, "height": 560})
    found += await violations(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await page.get_by_label("4 of 5").check()
    await page.locator("#comment").fill("Quick")
    await page.get_by_role("button", name="Send rating").click()
    await expect(page.get_by_text("Thank you for your rating.")).to_be_visible()
    await page.reload()
    await expect(lines(page, "human_agent", "Here I am.")).to_have_count(1)
    await expect(page.locator("#rating")).to_be_hidden()
    assert await counter.system.messages(ConversationRated, key) == [
        ConversationRated(rating=4, comment="Quick", handover_id=id_)
    ]
    assert found == []
    await page.context.close()


async def test_offline_nothing_is_lost_and_nothing_comes_twice(counter: Counter) -> None:
    page, key = await counter.customer()
    id_ = await counter.handed_over(page, key)
    await counter.agent(f"/v1/handovers/{id_}/claim", 0, {}, "claim-2")
    await page.context.set_offline(True)
    await expect(page.locator("#banner")).to_contain_text("You are offline.")
    await page.emulate_media(color_scheme="dark")
    found = await violations(page, CONTRAST)
    await page.emulate_media(color_scheme="light")
    found += await violations(page)
    for number in range(3):
        await write(page, f"mine {number}")
        await counter.agent(f"/v1/handovers/{id_}/reply", 1, {"text": f"theirs {number}"}, f"reply-off-{number}")
    await expect(page.get_by_role("button", name="Try again")).to_have_count(3)
    found += await violations(page)
    await page.context.set_offline(False)
    for number in range(3):
        await expect(lines(page, "customer", f"mine {number}")).to_have_count(1)
        await expect(lines(page, "human_agent", f"theirs {number}")).to_have_count(1)
    await expect(page.locator("#log li.pending")).to_have_count(0)
    await expect(page.locator("#banner")).to_be_hidden()

    async def all_are_stored() -> bool:
        return len(await counter.system.messages(MessageReceived, key)) >= 4

    await wait_until(all_are_stored)
    received = await counter.system.messages(MessageReceived, key)
    texts = sorted(one.text for one in received if isinstance(one, MessageReceived))
    assert texts == ["do transfer", "mine 0", "mine 1", "mine 2"]
    assert found == []
    await page.context.close()


async def test_a_page_of_a_shop_shows_the_chat_and_says_who_the_customer_is(counter: Counter) -> None:
    page = await counter.page(counter.shop)
    button = page.get_by_role("button", name="Ask us")
    await button.click()
    await expect(button).to_have_attribute("aria-expanded", "true")
    frame = page.frame_locator("iframe")
    await expect(frame.locator("#speaker-text")).to_have_text("You are talking to our AI assistant")
    await write(frame, "Where is my order?")
    await expect(lines(frame, "ai", "you said: Where is my order?")).to_have_count(1)
    again = await counter.page(counter.shop)
    await again.get_by_role("button", name="Ask us").click()
    second = again.frame_locator("iframe")
    await expect(lines(second, "customer", "Where is my order?")).to_have_count(1)  # Signed: the same on every device.
    assert await violations(page) == []
    await page.context.close()
    await again.context.close()


async def test_a_page_of_another_origin_may_not_frame_the_chat(counter: Counter) -> None:
    page = await counter.page(counter.shop.replace("127.0.0.1", "localhost"))
    await page.get_by_role("button", name="Ask us").click()

    async def was_refused() -> bool:
        return page.frames[-1].url.startswith("chrome-error:")

    await wait_until(was_refused)
    assert await page.frame_locator("iframe").locator("#composer").count() == 0
    await page.context.close()
