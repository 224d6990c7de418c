"""Does the desktop that keeps the rules of `hil desktop check` work with a real inbox as well?"""

import sys

from contracts.conversations import SendMessage
from contracts.handovers import HandoverClaimed
from hil.desktop.desktop_process import Desktop, Shown
from hil_inbox.settings import Settings
from service_kit.log import Log
from tests.integration.hil_inbox.conftest import Inbox
from tests.support.handovers import opened, put
from tests.support.kit import TENANT, say
from tests.support.programs import ROOT
from tests.support.wait_until import wait_until

EXAMPLE = ROOT / "examples/desktop/over_http.py"


async def test_the_example_claims_loses_and_replies_at_a_real_inbox(inbox: Inbox, settings: Settings) -> None:
    for key in ("c1", "c2"):
        await say(inbox.connection, key, "t1", "help me")
        await put(inbox.connection, opened(f"{key}-h"), key)
    url = f"http://127.0.0.1:{settings.http_port}"
    environment = {"HIL_INBOX_URL": url, "HIL_TOKEN": inbox.token, "HIL_ACTOR": "ada", "HIL_TENANT": TENANT}
    desktop = await Desktop.start((sys.executable, str(EXAMPLE)), environment, answer_seconds=20)
    try:
        assert await shown(desktop, "c1-h", "waiting", None)
        assert (await desktop.do("open", conversation="c1")).outcome == "done"
        assert (await desktop.do("claim", handover="c1-h")).outcome == "done"
        seen = await shown(desktop, "c1-h", "assigned", "ada")
        assert seen.lines["c1"][0].state == "received"
        fact = HandoverClaimed(handover_id="c2-h", ownership_epoch=1, actor_id="bo", agent_id="bo")
        await put(inbox.connection, fact, "c2")
        lost = await desktop.do("claim", handover="c2-h")
        assert (lost.outcome, lost.owner_id) == ("refused", "bo")
        replied = await desktop.do("reply", handover="c1-h", text="On my way.")
        entries = await Log(inbox.connection).read(TENANT, "c1")
        said = [entry.message for entry in entries if isinstance(entry.message, SendMessage)]
        assert [(one.message_id, one.text, one.author_id) for one in said] == [
            (replied.message_id, "On my way.", "ada")
        ]
        undone = await desktop.do("undo", handover="c1-h", message_id=str(replied.message_id))
        assert undone.outcome == "done"
    finally:
        await desktop.end()


async def shown(desktop: Desktop, row_id: str, state: str, owner_id: str | None) -> Shown:
    """What is shown, once this row is."""
    found: list[Shown] = []

    async def is_there() -> bool:
        found.append(await desktop.show())
        return any((row.id, row.state, row.owner_id) == (row_id, state, owner_id) for row in found[-1].rows)

    await wait_until(is_there)
    return found[-1]
