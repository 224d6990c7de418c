"""What becomes of a handover while nobody is there, as its queue declares."""

from pathlib import Path

import pytest

from contracts.conversations import AnnounceMessage
from contracts.handover_clocks import HandoverDelivered
from hil_inbox.settings import Settings
from tests.integration.hil_inbox.conftest import Inbox
from tests.integration.hil_inbox.test_clocks import facts
from tests.integration.hil_inbox.test_handovers import log_of
from tests.support.handovers import opened, put
from tests.support.inbox_token import give_person
from tests.support.kit import say

QUEUES = """
queues:
  - {name: words, match: {skills: [words]}, when_nobody: {message: Nobody is here.}}
  - {name: calls, match: {skills: [calls]}, when_nobody: {callback: We call you.}}
  - {name: quiet, match: {skills: [quiet]}}
  - name: experts
    match: {skills: [experts]}
    assignment: {teams: [experts]}
    when_nobody: {overflow: words, message: No expert is here.}
  - {name: general}
"""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    path = tmp_path / "queues.yaml"
    path.write_text(QUEUES)
    return settings.model_copy(update={"queues_file": path})


async def handed_over(inbox: Inbox, skill: str) -> HandoverDelivered:
    """A handover that needs this skill; how it was acknowledged."""
    await say(inbox.connection, skill, "1", "a person, please")
    await put(inbox.connection, opened(f"h-{skill}", skills=[skill]), skill)
    [delivered] = await facts(inbox, skill, HandoverDelivered)
    assert isinstance(delivered, HandoverDelivered)
    return delivered


async def somebody_comes(inbox: Inbox, settings: Settings) -> None:
    """A person of no team, who opens the page."""
    token = await give_person(settings.store_url, "ana")
    headers = {"Authorization": f"Bearer {token}"}
    async with inbox.session.post("/v1/me/heartbeat", json={}, headers=headers) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("skill", "fallback", "text"),
    [
        ("words", "message", "Nobody is here."),
        ("calls", "callback", "We call you."),
        ("experts", "message", "No expert is here."),
    ],
)
async def test_the_customer_is_told_once_what_the_queue_declares(
    inbox: Inbox, skill: str, fallback: str, text: str
) -> None:
    delivered = await handed_over(inbox, skill)
    assert (delivered.queue, delivered.fallback, delivered.agents_online) == (skill, fallback, 0)
    told = await facts(inbox, skill, AnnounceMessage)
    await say(inbox.connection, skill, "2", "anybody?")
    await inbox.post(f"/v1/conversations/acme/{skill}/notes", {"text": "x"}, command_id="n1")
    assert [one.text for one in told if isinstance(one, AnnounceMessage)] == [text]
    assert len(await facts(inbox, skill, AnnounceMessage)) == 1


async def test_a_queue_that_declares_nothing_lets_it_wait_and_says_nothing(inbox: Inbox) -> None:
    assert (await handed_over(inbox, "quiet")).fallback == "none"
    assert not [message for message in await log_of(inbox, "quiet") if isinstance(message, AnnounceMessage)]


async def test_the_overflow_queue_takes_it_where_somebody_is_there(inbox: Inbox, settings: Settings) -> None:
    await somebody_comes(inbox, settings)
    delivered = await handed_over(inbox, "experts")
    assert (delivered.queue, delivered.fallback, delivered.agents_online) == ("words", "overflow", 1)


async def test_while_somebody_is_there_nobody_is_put_off(inbox: Inbox, settings: Settings) -> None:
    await somebody_comes(inbox, settings)
    delivered = await handed_over(inbox, "words")
    assert (delivered.queue, delivered.fallback, delivered.agents_online) == ("words", "none", 1)
