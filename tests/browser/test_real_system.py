"""Do two people at the page and a customer get through a day on the real system, and never both at once?"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from playwright.async_api import Browser, Page, async_playwright, expect

from contracts.conversations import MessageSent
from contracts.handovers import ApprovalDecided, HandoverClaimed
from hil.embedded.plan import AllInThisProcess
from hil.replay_model.script import Rule
from tests.support.browser import chromium, violations_of
from tests.support.inbox_page_rows import HOSTILE
from tests.support.inbox_token import give_code, give_person
from tests.support.wait_until import wait_until
from tests.support.whole_system import COUNTER, WholeSystem, whole_system

pytestmark = pytest.mark.asyncio(loop_scope="module")
RACES = 50
SLOW_MS = 20_000
FRAMES_MS = 2_000
"""A row gets the focus with the next frames, which are late on a busy machine."""
# Everything that is told at once to who uses a screen reader.
LISTEN = """() => {
  window.told = [];
  const said = document.getElementById("urgent");
  const hear = () => said.textContent && told.push(said.textContent);
  new MutationObserver(hear).observe(said, {childList: true, characterData: true, subtree: true});
}"""
expect.set_options(timeout=SLOW_MS)


@dataclass
class Office:
    """Two people and a customer, each in a browser context of their own."""

    system: WholeSystem
    ana: Page
    bo: Page
    customer: Page


def servers(folder: Path) -> Path:
    """The tools of the whole system, with a policy: an append of what starts with `ask` needs a person."""
    shop = {
        "name": "shop",
        "command": ["python", str(COUNTER)],
        "env": {"COUNTER_FILE": str(folder / "effects")},
        "defaults": {"cost_usd": 0},
        "tools": {"append": {"approvals": ["asked"]}},
    }
    desk = {
        "name": "desk",
        "defaults": {"cost_usd": 0},
        "tools": {"transfer": {"python": "tests.support.desk_tools:transfer", "side_effect": "write"}},
    }
    manifest = {
        "approvals": {"asked": {"when": "starts_with(arguments.value, 'ask')"}},
        "grants": [{"name": "all", "tools": ["*"]}],
        "servers": [shop, desk],
    }
    file = folder / "with-policy.yaml"
    file.write_text(yaml.safe_dump(manifest))
    return file


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    environment = {"TOOL_RUNNER_SERVERS_FILE": str(servers(folder))}
    async with (
        whole_system(folder, layout=AllInThisProcess(), environment=environment) as system,
        async_playwright() as playwright,
    ):
        system.effects_file = folder / "effects"
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        people = [await person(browser, system, name) for name in ("ana", "bo")]
        yield Office(system, *people, await a_customer(browser, system))
        await browser.close()


async def person(browser: Browser, system: WholeSystem, name: str) -> Page:
    """Somebody who has come in by a one-time link."""
    store = f"sqlite:///{system.stack.plan.data_dir}/stores/hil_inbox.sqlite3"
    await give_person(store, name)
    address = system.stack.endpoints["hil_inbox"]
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(SLOW_MS)
    await page.goto(f"{address}/auth/first?code={await give_code(store, name)}")
    await page.get_by_role("button", name="Sign in").click()
    await page.locator(".connection-live").wait_for()
    return page


async def a_customer(browser: Browser, system: WholeSystem) -> Page:
    """Somebody at the chat page, whom nobody knows."""
    page = await (await browser.new_context()).new_page()
    page.set_default_timeout(SLOW_MS)
    await page.goto(f"{system.stack.endpoints['hil_inbox_chat']}/chat")
    await expect(page.locator("#speaker")).to_contain_text("AI assistant")
    return page


async def handed_over(system: WholeSystem, key: str, text: str = "do transfer") -> str:
    """The id of the handover of a conversation that waits for a person."""
    outcome = await system.ask(key, text)
    assert outcome.handover is not None
    return outcome.handover.handover_id


def row(page: Page, id_: str):
    return page.locator(f'[data-row="{id_}"]')


async def view(page: Page, key: str) -> None:
    """Go to one of the views, by the keyboard."""
    await page.locator("#conversation").focus()
    for one in key.split():
        await page.keyboard.press(one)


async def reach(page: Page, view_key: str, text: str) -> None:
    """Come to the row of a view that shows this text, by the keyboard."""
    wanted, focused = page.locator("[data-row]", has_text=text), page.locator("[data-row]:focus")
    await view(page, view_key)

    async def there() -> bool:  # What comes while a list has the focus is let in by going to it again.
        with suppress(AssertionError):
            await expect(wanted).to_have_count(1, timeout=FRAMES_MS)
            await expect(focused).to_have_count(1, timeout=FRAMES_MS)
            return True
        await view(page, view_key)
        return False

    await wait_until(there, timeout_seconds=40, every_seconds=0.3)
    for _ in range(await page.locator("[data-row]").count()):
        if await wanted.evaluate("row => row === document.activeElement"):
            return
        await page.keyboard.press("j")
    await expect(wanted).to_be_focused()


async def test_of_two_who_claim_at_once_one_wins_and_the_other_sees_who(office: Office) -> None:
    await asyncio.gather(*(handed_over(office.system, f"race-{number}") for number in range(RACES)))
    await wait_until(partial(timed, office.system, RACES))
    pages = {"ana": office.ana, "bo": office.bo}
    for page in pages.values():
        await page.evaluate(LISTEN)
    for _ in range(RACES):
        for page in pages.values():
            await view(page, "g u")
            await page.locator("[data-row]:focus").wait_for()
        first = office.ana.locator("[data-row]:focus")
        id_, key = await first.get_attribute("data-row"), await first.locator(".who").inner_text()
        await expect(row(office.bo, id_)).to_be_focused()
        await asyncio.gather(*(page.keyboard.press("c") for page in pages.values()))
        claims = await claims_of(office.system, key)
        assert len(claims) == 1
        winner, loser = (pages[name] for name in sorted(pages, key=lambda name: name != claims[0]))
        await expect(winner.locator(".banner-mine")).to_be_visible()
        await expect(winner.locator(".channel")).to_have_text(key)
        await wait_until(partial(loser.evaluate, "told.length > 0"))
        told = await loser.evaluate("told.splice(0)")  # By name, or by id while the page has not heard who that is.
        assert [one.lower() for one in told] == [f"{claims[0]} claimed this first."]
        await expect(row(loser, id_)).to_have_count(0)
        assert await winner.evaluate("told") == []


async def timed(system: WholeSystem, count: int) -> bool:
    """Whether that many wait under the clocks of their queue, by which the lists are sorted."""
    _, page = await system.http("hil_inbox", "/v1/queue?state=waiting&limit=1000")
    return sum(bool(found["clocks"]) for found in page["rows"]) == count


async def claims_of(system: WholeSystem, key: str) -> list[str]:
    """Who has claimed it by the log, once somebody has."""

    async def claimed() -> bool:
        return bool(await system.messages(HandoverClaimed, key))

    await wait_until(claimed)
    return [claim.agent_id for claim in await system.messages(HandoverClaimed, key)]


async def test_a_conversation_is_taken_answered_and_ended_by_keyboard_alone_and_the_customer_sees_it(
    office: Office,
) -> None:
    page, customer, press = office.ana, office.customer, office.ana.keyboard.press
    await says(customer, f"do transfer {HOSTILE}")
    key = await key_of(customer)
    await reach(page, "g u", key)
    await press("Enter")
    await expect(page.locator("#conversation")).to_be_focused()
    await expect(page.locator(".message-customer")).to_contain_text(HOSTILE)
    await press("c")
    await page.locator(".banner-mine").wait_for()
    for text in ("This was wrong.", "This is right."):
        await press("r")
        await expect(page.locator("#composer")).to_be_focused()
        await press("Control+A")
        await page.keyboard.type(text)
        await press("Control+Enter")
        await page.locator(".is-held").wait_for()
        if text == "This was wrong.":
            await press("Control+z")
            await expect(page.locator("#composer")).to_have_value(text)
    await press("Escape")
    await press("i")
    await page.keyboard.type("She was right.")
    await press("Control+Enter")
    await expect(page.locator(".message-note")).to_contain_text("She was right.")
    await expect(page.locator(".message-human_agent.is-unsent")).to_contain_text("This was wrong.")
    await expect(customer.locator("li.human_agent .bubble")).to_have_text(["This is right."])
    await press("Escape")
    await press("e")
    await page.keyboard.type("Explained.")
    await press("Tab")
    await press("Enter")
    await expect(page.get_by_text("Resolved. The AI answers the next message.")).to_be_visible()
    await customer.locator("#rating").wait_for()
    await expect(customer.locator("li.human_agent .bubble")).to_have_text(["This is right."])
    assert "She was right." not in await customer.locator("body").inner_text()
    texts = [m.text for m in await office.system.messages(MessageSent, key) if m.author == "human_agent"]
    assert texts == ["This is right."]
    for one in (page, customer):
        assert await one.evaluate("window.harmed") is None


async def says(customer: Page, text: str) -> None:
    """The customer writes."""
    await customer.locator("#text").fill(text)
    await customer.locator("#text").press("Enter")
    await expect(customer.locator("li.customer .bubble").last).to_have_text(text)


async def key_of(customer: Page) -> str:
    """Of the customer's conversation."""
    session = await customer.evaluate("localStorage.getItem('hil-chat-session')")
    return str(json.loads(session)["conversation"])


async def test_an_answer_of_the_ai_that_comes_late_never_reaches_the_customer(office: Office) -> None:
    page, customer = office.bo, office.customer
    key = await key_of(customer)
    await reach(page, "Alt+6", key)
    await page.keyboard.press("Enter")
    office.system.plan_faults(Rule(text="too late", delay_seconds=2))
    await says(customer, "And one more thing")
    await expect(page.locator(".message-customer").last).to_contain_text("And one more thing")
    await page.keyboard.press("c")
    await expect(page.locator(".message-ai.is-unsent")).to_contain_text("too late")
    await expect(page.locator(".draft")).to_contain_text("too late")
    await page.locator("#composer").fill("A person answers.")
    await page.keyboard.press("Control+Enter")
    await expect(customer.locator("li.human_agent .bubble").last).to_have_text("A person answers.")
    assert "too late" not in await customer.locator("body").inner_text()
    assert "too late" not in [message.text for message in await office.system.messages(MessageSent, key)]


async def test_a_conversation_that_the_ai_has_is_found_by_its_words_and_taken_over(office: Office) -> None:
    page = office.ana
    await office.system.ask("quiet", "how do I keep marmalade")
    await page.keyboard.press("/")
    await page.keyboard.type("marmalade")
    await page.locator(".found button", has_text="quiet").click()
    await expect(page.locator(".banner-ai")).to_contain_text("The AI speaks here")
    await expect(page.locator(".message-customer")).to_contain_text("marmalade")
    await page.locator("#conversation").focus()
    await page.keyboard.press("c")
    await page.locator(".banner-mine").wait_for()
    [claimed] = await office.system.messages(HandoverClaimed, "quiet")
    assert claimed.agent_id == "ana"
    await page.keyboard.press("e")
    await expect(page.get_by_role("dialog").get_by_role("textbox")).to_be_focused()
    await page.keyboard.type("Looked at.")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Resolved. The AI answers the next message.")).to_be_visible()


async def test_what_came_while_offline_is_there_once_and_decisions_waited(office: Office) -> None:
    page, system = office.ana, office.system
    await handed_over(system, "away")
    await reach(page, "g u", "away")
    await page.keyboard.press("c")
    await page.locator(".banner-mine").wait_for()
    await page.keyboard.press("r")
    await page.context.set_offline(True)
    await expect(page.get_by_text("You are offline.")).to_be_visible()
    await page.locator("#composer").fill("half")
    await expect(page.get_by_role("button", name="Send to customer")).to_be_disabled()
    await expect(page.locator(".actions button:enabled")).to_have_count(0)
    for number in range(3):
        await system.write("away", f"while away {number}", turn=f"away-{number}")
    await page.context.set_offline(False)
    for number in range(3):
        await expect(page.locator(".message", has_text=f"while away {number}")).to_have_count(1)
    await expect(page.locator("#composer")).to_have_value("half")
    shown = await page.locator(".message-customer p").all_inner_texts()
    assert shown == ["do transfer", *(f"while away {number}" for number in range(3))]


@pytest.mark.parametrize("verdict", ["approve", "edit", "reject"])
async def test_a_tool_runs_with_exactly_the_approved_arguments_or_not_at_all(office: Office, verdict: str) -> None:
    page, system, press = office.bo, office.system, office.bo.keyboard.press
    key, before = f"policy-{verdict}", len(system.effects())
    await system.write(key, f"do append:ask-{verdict}")
    await reach(page, "g a", key)
    await press("Enter")
    await expect(page.locator(".arguments")).to_contain_text(f"ask-{verdict}")
    await expect(page.locator(".effect-write")).to_have_text("changes data")
    if verdict == "approve":
        await press("a")
    elif verdict == "edit":
        await press("d")
        await page.locator("form :focus").wait_for()
        while not await page.get_by_label("value").evaluate("field => field === document.activeElement"):
            await press("Tab")
        await press("Control+A")
        await page.keyboard.type("changed by bo")
        await press("Enter")
    else:
        await press("x")
        await expect(page.get_by_label("The customer did not ask for this")).to_be_focused()
        await press("Space")
        for _ in range(3):
            await press("ArrowDown")
        await press("Enter")
    await page.locator(".verdict-line").wait_for()
    [decided] = await system.messages(ApprovalDecided, key)
    assert (decided.verdict, decided.actor_id) == (verdict, "bo")
    if verdict == "reject":
        assert (decided.reason_code, decided.reason) == ("against_policy", "Our rules do not allow it")

    async def answered() -> bool:
        return bool(await system.messages(MessageSent, key))

    await wait_until(answered, timeout_seconds=20)
    assert system.effects()[before:] == {"approve": ["ask-approve"], "edit": ["changed by bo"], "reject": []}[verdict]


async def test_axe_finds_nothing_on_the_real_pages_and_the_login_light_and_dark(office: Office) -> None:
    login = await office.ana.context.browser.new_page()
    await login.goto(f"{office.system.stack.endpoints['hil_inbox']}/login")
    found = []
    for page in (login, office.ana, office.bo):
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found += await violations_of(page)
    assert found == []
