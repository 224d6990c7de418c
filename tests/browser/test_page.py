"""Does the page do what a person at it needs? On an API in memory; the real system is in test_real_system.py."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.support.inbox_page_rows import HOSTILE, handover_row
from tests.support.inbox_page_server import PageServer, let_go


def row(page: Page, id_: str):
    return page.locator(f'[data-row="{id_}"]')


def claimed(page: Page, id_: str = "h0") -> None:
    """Open a row and claim it."""
    row(page, id_).click()
    page.get_by_role("button", name="Claim c").click()
    expect(page.get_by_text("You own this.")).to_be_visible()


def test_the_whole_way_of_a_conversation_works_by_keyboard_alone(open_page: Open, server: PageServer) -> None:
    page = open_page()
    press = page.keyboard.press
    press("F6")
    press("F6")
    expect(row(page, "h0")).to_be_focused()
    press("j")
    expect(row(page, "h1")).to_be_focused()
    press("k")
    press("Enter")
    expect(page.locator("#conversation")).to_be_focused()
    press("c")
    expect(page.get_by_text("You own this.")).to_be_visible()
    press("r")
    expect(page.locator("#composer")).to_be_focused()
    page.keyboard.type("I look into it. c e t")
    press("Control+Enter")
    expect(page.get_by_text("Goes out in")).to_be_visible()
    reply = next(body for name, body in server.commands if name == "handovers reply")
    assert reply == {"text": "I look into it. c e t"}
    press("Escape")
    press("i")
    page.keyboard.type("She is right.")
    press("Control+Enter")
    expect(page.get_by_text("Note of You")).to_be_visible()
    press("Escape")
    press("e")
    expect(page.get_by_role("dialog", name="Resolve")).to_be_visible()
    page.keyboard.type("Refunded.")
    press("Tab")
    press("Enter")
    expect(page.get_by_text("Resolved. The AI answers the next message.")).to_be_visible()
    assert [name for name, _ in server.commands] == [
        "handovers claim",
        "handovers reply",
        "conversations notes",
        "handovers resolve",
    ]


# What there is before any other key can come: only microtasks have run.
PRESS_I = """async () => {
  const press = new KeyboardEvent("keydown", {key: "i", code: "KeyI", bubbles: true, cancelable: true});
  document.activeElement.dispatchEvent(press);
  for (let turn = 0; turn < 5; turn += 1) await null;
  return [document.activeElement.id, document.activeElement.value];
}"""


def test_what_is_typed_right_after_the_key_of_a_note_is_the_note(open_page: Open, server: PageServer) -> None:
    page = open_page()
    claimed(page)
    page.keyboard.press("r")
    page.keyboard.type("A reply to keep")
    page.keyboard.press("Escape")
    assert page.evaluate(PRESS_I) == ["composer", ""]
    page.keyboard.type("e c t")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.locator("#composer")).to_have_value("A reply to keep")
    assert [name for name, _ in server.commands] == ["handovers claim"]


def test_letters_do_nothing_while_a_person_writes_and_can_be_switched_off(open_page: Open, server: PageServer) -> None:
    page = open_page()
    row(page, "h0").click()
    page.keyboard.press("?")
    page.get_by_label("Single letters act as keys").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.locator("#search").fill("c")
    assert server.commands == []


def test_a_reply_is_shown_as_sent_only_when_the_log_says_so_and_can_be_undone(
    open_page: Open, server: PageServer
) -> None:
    page = open_page()
    claimed(page)
    page.locator("#composer").fill("The money comes today.")
    page.get_by_role("button", name="Send to customer").click()
    waiting = page.locator(".is-held")
    expect(waiting).to_contain_text("Goes out in")
    waiting.get_by_role("button", name="Undo").click()
    expect(page.locator("#composer")).to_have_value("The money comes today.")
    expect(waiting).to_have_count(0)
    page.get_by_role("button", name="Send to customer").click()
    expect(waiting).to_be_visible()
    message_id = page.evaluate("document.querySelector('.is-held') !== null") and sent_id(server)
    let_go(server, "h0", message_id, "The money comes today.")
    expect(waiting).to_have_count(0)
    expect(page.locator(".message-human_agent")).to_have_count(1)


def sent_id(server: PageServer) -> str:
    return [key for name, key in server.keys if name == "handovers reply"][-1]


def test_a_reply_that_failed_stays_with_its_reason_and_is_sent_again_under_the_same_key(
    open_page: Open, server: PageServer
) -> None:
    page = open_page()
    claimed(page)
    server.refusals["reply"] = (503, {"error": "unavailable", "detail": "the bus is away"})
    page.locator("#composer").fill("Hello")
    page.get_by_role("button", name="Send to customer").click()
    failed = page.locator(".is-failed")
    expect(failed).to_contain_text("the bus is away")
    server.refusals.clear()
    failed.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("Goes out in")).to_be_visible()
    keys = [key for name, key in server.keys if name == "handovers reply"]
    assert len(keys) == 2 and len(set(keys)) == 1


def test_who_loses_a_race_is_told_who_won_and_goes_on_with_the_next(open_page: Open, server: PageServer) -> None:
    page = open_page()
    row(page, "h0").focus()
    server.refusals["claim"] = (409, {"error": "already_claimed", "owner_id": "ana", "ownership_epoch": 2})
    page.keyboard.press("c")
    expect(page.get_by_text("Ana claimed this first.").first).to_be_visible()
    expect(row(page, "h0")).to_have_count(0)
    expect(row(page, "h1")).to_be_focused()
    expect(page.locator("#urgent")).to_contain_text("Ana")


def test_new_rows_wait_behind_a_bar_while_the_pointer_is_in_the_list(open_page: Open, server: PageServer) -> None:
    page = open_page()
    row(page, "h1").hover()
    first = page.locator("[data-row]").first.get_attribute("data-row")
    urgent = handover_row(0, server.now_ms()) | {"id": "h900", "key": "c900", "due_ms": 1}
    server.rows["h900"] = urgent
    server.change("h900")
    page.get_by_role("button", name="1 new").wait_for()
    assert page.locator("[data-row]").first.get_attribute("data-row") == first
    page.get_by_role("button", name="1 new").click()
    expect(page.locator("[data-row]").first).to_have_attribute("data-row", "h900")


def test_offline_decisions_are_disabled_drafts_are_kept_and_nothing_is_missed(
    open_page: Open, server: PageServer
) -> None:
    page = open_page()
    claimed(page)
    page.locator("#composer").fill("half a sent")
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    expect(page.get_by_role("button", name="Send to customer")).to_be_disabled()
    expect(page.get_by_role("button", name="Resolve", exact=True)).to_be_disabled()
    for number in range(5):
        server.customer_writes("h0", f"while you were away {number}")
    server.feed_open = False
    page.context.set_offline(False)
    server.feed_open = True
    expect(page.locator(".connection-live")).to_be_visible()
    for number in range(5):
        expect(page.locator(".message", has_text=f"while you were away {number}")).to_have_count(1)
    expect(page.locator("#composer")).to_have_value("half a sent")
    expect(page.get_by_text("5 messages came in since you began.")).to_be_visible()
    page.reload()
    row(page, "h1").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("m")
    row(page, "h0").click()
    expect(page.locator("#composer")).to_have_value("half a sent")


def test_a_reset_loads_everything_again_and_says_so(open_page: Open, server: PageServer) -> None:
    page = open_page()
    server.rows["h5"] = {**server.rows["h5"], "customer": "Only in the snapshot"}
    server.resets.append("too_old")
    expect(page.get_by_text("Only in the snapshot")).to_be_visible()
    expect(page.locator("#spoken")).to_have_text("Everything was loaded again.")


def test_two_tabs_share_one_stream_and_the_second_goes_on_when_the_first_is_closed(
    open_page: Open, server: PageServer
) -> None:
    first = open_page()
    second = first.context.new_page()
    second.goto(server.url)
    second.locator("[data-row]").first.wait_for()
    server.customer_writes("h0", "for both tabs")
    for page in (first, second):
        expect(row(page, "h0")).to_be_visible()
    expect(second.locator(".connection-live")).to_be_visible()
    assert server.streams == 1
    first.close()
    server.change("h1", customer="After the first tab")
    expect(second.get_by_text("After the first tab")).to_be_visible()


def test_an_approval_is_edited_in_typed_fields_and_bad_ones_are_named(open_page: Open, server: PageServer) -> None:
    page = open_page()
    page.keyboard.press("g")
    page.keyboard.press("a")
    row(page, "a0").click()
    page.locator("#edit").wait_for()
    page.keyboard.press("d")
    page.get_by_label("Amount in EUR").fill("lots")
    page.get_by_role("button", name="Approve as edited").click()
    expect(page.get_by_text("This must be a number.")).to_be_visible()
    page.get_by_label("Amount in EUR").fill("20.5")
    server.refusals["decide"] = (422, {"problems": [{"field": "arguments.amount", "problem": "above the limit of 20"}]})
    page.get_by_role("button", name="Approve as edited").click()
    expect(page.locator(".field-error")).to_have_text("above the limit of 20")
    server.refusals.clear()
    page.get_by_role("button", name="Approve as edited").click()
    expect(page.locator(".verdict-line")).to_contain_text("Approved with changes by You")
    body = server.commands[-1][1]
    assert (body["verdict"], body["arguments"]["amount"]) == ("edit", 20.5)
    assert body["arguments"]["address"] == {"city": "Ghent"}


def test_what_cannot_be_undone_is_approved_by_typing_and_a_no_has_a_named_reason(
    open_page: Open, server: PageServer
) -> None:
    page = open_page()
    page.keyboard.press("g")
    page.keyboard.press("a")
    row(page, "a1").click()
    page.locator("#approve").click()
    approve = page.get_by_role("button", name="Approve", exact=True)
    expect(approve).to_be_disabled()
    page.get_by_label("Type 49 to approve").fill("49")
    approve.click()
    expect(page.locator(".verdict-line")).to_contain_text("Approved by You")
    row(page, "a2").click()
    page.locator("#reject").click()
    page.get_by_label("Fraud suspected").check()
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".verdict-line")).to_contain_text("Rejected by You")
    bodies = [body for _, body in server.commands]
    assert [(body["verdict"], body.get("reason_code"), body.get("reason")) for body in bodies] == [
        ("approve", None, None),
        ("reject", "fraud_suspected", "Fraud suspected"),
    ]


def test_words_of_strangers_are_text_wherever_they_stand(open_page: Open, server: PageServer) -> None:
    server.rows["h0"] |= {"customer": HOSTILE, "ask": HOSTILE, "last_text": HOSTILE}
    page = open_page()
    claimed(page)
    page.locator("details.tool").first.click()
    page.locator("#composer").fill("/hostile")
    page.locator(".canned button").click()
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.locator("#composer").fill(HOSTILE)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Note of You")).to_be_visible()
    shown = page.locator("body").inner_text()
    assert shown.count("<img src=x") >= 6
    assert page.locator("img, #inbox script").count() == 0
    assert page.evaluate("window.harmed") is None


def test_no_other_script_and_no_inline_style_runs(open_page: Open) -> None:
    page = open_page()
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'harmed = 1'}))")
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<i id=x style=\"color:red\" onclick=\"harmed=1\"></i>')"
    )
    page.evaluate("document.getElementById('x').click()")
    assert page.evaluate("window.harmed") is None
    assert page.evaluate("getComputedStyle(document.getElementById('x')).color") != "rgb(255, 0, 0)"


def test_thousands_of_rows_are_few_elements_and_the_last_is_reached(open_page: Open, server: PageServer) -> None:
    now_ms = server.now_ms()
    server.rows |= {f"h{number}": handover_row(number, now_ms) for number in range(24, 2500)}
    page = open_page()
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", re.compile("2500"))
    assert page.locator("[data-row]").count() < 60
    page.locator("[data-row]").first.focus()
    page.keyboard.press("End")
    expect(page.locator("[aria-rowindex='2500']")).to_be_focused()


def test_every_word_comes_from_the_catalogue(open_page: Open) -> None:
    page = open_page("/?lang=xx")
    row(page, "h0").click()
    page.locator(".handover-card").wait_for()
    chrome = page.locator("button, h1, h2, h3, dt, label, option").all_inner_texts()
    plain = [text for text in chrome if re.search("[A-Za-z]{3}", text) and "́" not in text]
    known = (
        "Mia Laurent",
        "Urgent billing",
        "The customer",
        "A voucher",
        "May the refund",
        "An answer",
        "order",
        "loyalty",
    )
    assert [text for text in plain if not text.startswith((*known, "amount", "remark"))] == []


def test_a_supervisor_stops_the_ai_and_an_agent_is_told_which_role_is_missing(
    open_page: Open, server: PageServer
) -> None:
    page = open_page()
    page.keyboard.press("Alt+7")
    page.get_by_role("button", name="Stop the AI orders").click()
    expect(page.get_by_text("The AI is silent in orders.")).to_be_visible()
    expect(page.get_by_role("button", name="Let the AI speak orders")).to_be_visible()
    with page.expect_response("**/rehome"):
        page.get_by_role("button", name="Re-home work Ana").click()
    assert [name for name, _ in server.commands] == ["queues stop-ai", "agents rehome"]
    server.role = "agent"
    page.reload()
    page.locator("[data-row]").first.wait_for()
    page.keyboard.press("Alt+7")
    expect(page.get_by_text("This needs the role supervisor.")).to_be_visible()


def test_what_is_given_back_says_which_facts_were_corrected(open_page: Open, server: PageServer) -> None:
    page = open_page()
    claimed(page)
    page.keyboard.press("b")
    page.get_by_label("What did you do?").fill("Refunded by hand.")
    page.get_by_label("Value of amount").fill("39")
    page.get_by_label("What was promised to the customer").fill("Mail today\n\nCall tomorrow")
    page.get_by_role("dialog").get_by_role("button", name="Back to AI").click()
    expect(page.get_by_text("The AI is answering again.")).to_be_visible()
    assert server.commands[-1] == (
        "handovers return",
        {
            "outcome": "Refunded by hand.",
            "facts": {"amount": 39},
            "promises": ["Mail today", "Call tomorrow"],
            "not_again": [],
        },
    )
