"""Which views and states does the page have, and how does a person come to each? For axe and for the screenshots."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.support.inbox_page_server import PageServer, let_go

Scene = Callable[[Page, PageServer], None]


def queue(page: Page, server: PageServer) -> None:
    page.locator('[data-row="h1"]').click()
    page.locator(".handover-card").wait_for()


def owned(page: Page, server: PageServer) -> None:
    page.locator('[data-row="h0"]').click()
    page.get_by_role("button", name="Claim c").click()
    page.locator(".banner-mine").wait_for()
    page.locator("#composer").fill("I look into it, Mia. The refund goes to your card.")


def drafted(page: Page, server: PageServer) -> None:
    owned(page, server)
    page.get_by_role("button", name="Ask for a draft").click()
    page.get_by_text("The refund goes to your card today.").wait_for()


def sending(page: Page, server: PageServer) -> None:
    owned(page, server)
    page.get_by_role("button", name="Send to customer").click()
    page.get_by_text("Goes out in").wait_for()


def failed(page: Page, server: PageServer) -> None:
    owned(page, server)
    failing(page, server)


def failing(page: Page, server: PageServer) -> None:
    server.refusals["reply"] = (503, {"error": "unavailable", "detail": "the bus is away"})
    page.get_by_role("button", name="Send to customer").click()
    page.locator(".is-failed").wait_for()


def noting(page: Page, server: PageServer) -> None:
    owned(page, server)
    let_go(server, "h0", "x", "I look into it.")
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.locator("#composer").fill("The warehouse confirmed it by phone.")


def owned_by_other(page: Page, server: PageServer) -> None:
    server.change("h2", owner_id="ana", state="assigned", epoch=2)
    page.evaluate("document.activeElement.blur()")
    page.locator('[data-row="h3"]').click()
    server.change("h3", owner_id="ana", state="assigned", epoch=2)
    page.locator(".banner-other").wait_for()


def approval(page: Page, server: PageServer, id_: str = "a0") -> None:
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.locator(f'[data-row="{id_}"]').click()
    page.locator("#approve").wait_for()


def editing(page: Page, server: PageServer) -> None:
    approval(page, server)
    page.keyboard.press("d")
    page.get_by_label("Amount in EUR").fill("900")
    page.get_by_role("button", name="Approve as edited").click()
    page.locator(".field-error").wait_for()


def rejecting(page: Page, server: PageServer) -> None:
    approval(page, server)
    page.keyboard.press("x")
    page.get_by_label("The amount is wrong").check()


def confirming(page: Page, server: PageServer) -> None:
    approval(page, server, "a1")
    page.keyboard.press("a")
    page.get_by_label("Type 49 to approve").fill("4")


def expired(page: Page, server: PageServer) -> None:
    server.approvals_by_id["a2"]["expires_ms"] = server.now_ms() - 1000
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.locator('[data-row="a2"]').click()
    page.get_by_text("The time is over").wait_for()


def dialog(key: str) -> Scene:
    def scene(page: Page, server: PageServer) -> None:
        queue(page, server)
        page.get_by_role("button", name="Claim c").click()
        page.locator(".banner-mine").wait_for()
        page.keyboard.press(key)
        page.get_by_role("dialog").wait_for()

    return scene


def palette(page: Page, server: PageServer) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("go")


def supervisor(page: Page, server: PageServer) -> None:
    server.queues_stopped.add("returns")
    page.keyboard.press("Alt+7")
    page.get_by_role("button", name="Stop the AI orders").wait_for()


def offline(page: Page, server: PageServer) -> None:
    owned(page, server)
    page.context.set_offline(True)
    page.locator(".trouble").wait_for()


def empty(page: Page, server: PageServer) -> None:
    page.keyboard.press("Alt+5")
    page.locator(".empty").first.wait_for()


def filtered(page: Page, server: PageServer) -> None:
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Words in this list").fill("nothing has this")
    page.get_by_text("Nothing matches").wait_for()


def lost(page: Page, server: PageServer) -> None:
    server.refusals["claim"] = (409, {"error": "already_claimed", "owner_id": "ana"})
    page.locator('[data-row="h0"]').focus()
    page.keyboard.press("c")
    page.locator(".notice").wait_for()


def found(page: Page, server: PageServer) -> None:
    page.locator("#search").fill("voucher")
    page.locator(".found").wait_for()


DIALOGS = {"transfer": "t", "snooze": "z", "return-to-ai": "b", "resolve": "e", "keys": "?"}
SCENES: dict[str, Scene] = {
    "queue": queue,
    "owned": owned,
    "draft": drafted,
    "sending": sending,
    "send-failed": failed,
    "note": noting,
    "owned-by-another": owned_by_other,
    "approval": approval,
    "approval-edit": editing,
    "approval-reject": rejecting,
    "approval-irreversible": confirming,
    "approval-expired": expired,
    **{name: dialog(key) for name, key in DIALOGS.items()},
    "palette": palette,
    "supervisor": supervisor,
    "offline": offline,
    "empty": empty,
    "filtered": filtered,
    "lost-race": lost,
    "search": found,
}
