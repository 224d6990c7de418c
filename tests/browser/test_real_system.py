"""Do two people at the page and a customer get through a day on the real system, and never both at once?"""

import asyncio
from collections.abc import AsyncIterator
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
from tests.support.browser import chromium
from tests.support.inbox_token import give_code, give_person
from tests.support.wait_until import wait_until
from tests.support.whole_system import COUNTER, WholeSystem, whole_system

pytestmark = pytest.mark.asyncio(loop_scope="module")
RACES = 50
SLOW_MS = 20_000
# Everything that is told at once to who uses a screen reader.
LISTEN = """() => {
  window.told = [];
  const said = document.getElementById("urgent");
  new MutationObserver(() => said.textContent && told.push(said.textContent)).observe(said, {childList: true, characterData: true, subtree: true});
}"""
expect.set_options(timeout=SLOW_MS)


@dataclass
class Office:
    """Two people, each in a browser context of their own."""

    system: WholeSystem
    ana: Page
    bo: Page


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
        yield Office(system, await person(browser, system, "ana"), await person(browser, system, "bo"))
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
    await page.keyboard.press("g")
    await page.keyboard.press(key)


async def test_of_two_who_claim_at_once_one_wins_and_the_other_sees_who(office: Office) -> None:
    await asyncio.gather(*(handed_over(office.system, f"race-{number}") for number in range(RACES)))
    await wait_until(partial(timed, office.system, RACES))
    pages = {"ana": office.ana, "bo": office.bo}
    for page in pages.values():
        await page.evaluate(LISTEN)
    for _ in range(RACES):
        for page in pages.values():
            await view(page, "u")
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
        assert await loser.evaluate("told.splice(0)") == [f"{claims[0]} claimed this first."]
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


async def test_a_reply_reaches_the_customer_and_what_was_undone_never_does(office: Office) -> None:
    page, system = office.ana, office.system
    id_ = await handed_over(system, "talk")
    await view(page, "u")
    await row(page, id_).click()
    await page.get_by_role("button", name="Claim c").click()
    await page.locator(".banner-mine").wait_for()
    await page.locator("#composer").fill("This was wrong.")
    await page.get_by_role("button", name="Send to customer").click()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator("#composer")).to_have_value("This was wrong.")
    await page.locator("#composer").fill("This is right.")
    await page.get_by_role("button", name="Send to customer").click()

    async def sent() -> bool:
        return any(message.author == "human_agent" for message in await system.messages(MessageSent, "talk"))

    await wait_until(sent, timeout_seconds=20)
    await expect(page.locator(".message.is-waiting")).to_have_count(0)
    texts = [m.text for m in await system.messages(MessageSent, "talk") if m.author == "human_agent"]
    assert texts == ["This is right."]
    await expect(page.locator(".message-human_agent.is-unsent")).to_contain_text("This was wrong.")


async def test_what_came_while_offline_is_there_once_and_decisions_waited(office: Office) -> None:
    page, system = office.ana, office.system
    await page.context.set_offline(True)
    await expect(page.get_by_text("You are offline.")).to_be_visible()
    await page.locator("#composer").fill("half")
    await expect(page.get_by_role("button", name="Send to customer")).to_be_disabled()
    for number in range(3):
        await system.write("talk", f"while away {number}", turn=f"away-{number}")
    await page.context.set_offline(False)
    for number in range(3):
        await expect(page.locator(".message", has_text=f"while away {number}")).to_have_count(1, timeout=SLOW_MS)
    await expect(page.locator("#composer")).to_have_value("half")


@pytest.mark.parametrize("verdict", ["approve", "edit", "reject"])
async def test_a_tool_runs_with_exactly_the_approved_arguments_or_not_at_all(office: Office, verdict: str) -> None:
    page, system = office.bo, office.system
    key, before = f"policy-{verdict}", len(system.effects())
    await system.write(key, f"do append:ask-{verdict}")
    await view(page, "a")
    await page.locator("[data-row]", has_text=key).click()
    await page.locator("#approve").wait_for()
    await expect(page.locator(".arguments")).to_contain_text(f"ask-{verdict}")
    if verdict == "approve":
        await page.keyboard.press("a")
    elif verdict == "edit":
        await page.keyboard.press("d")
        await page.get_by_label("value").fill("changed by bo")
        await page.get_by_role("button", name="Approve as edited").click()
    else:
        await page.keyboard.press("x")
        await page.get_by_label("Our rules do not allow it").check()
        await page.get_by_role("button", name="Reject").click()
    await page.locator(".verdict-line").wait_for()
    decided = await system.messages(ApprovalDecided, key)
    assert [(one.verdict, one.actor_id) for one in decided] == [(verdict, "bo")]
    if verdict == "reject":
        assert (decided[0].reason_code, decided[0].reason) == ("against_policy", "Our rules do not allow it")
    expected = {"approve": ["ask-approve"], "edit": ["changed by bo"], "reject": []}[verdict]

    async def over() -> bool:
        return bool(await system.messages(MessageSent, key))

    await wait_until(over, timeout_seconds=20)
    assert system.effects()[before:] == expected
