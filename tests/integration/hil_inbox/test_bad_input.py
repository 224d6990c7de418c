"""Wrong requests get a 4xx that names the field, and have no effect."""

from typing import Any

import pytest

from tests.integration.hil_inbox.conftest import Inbox
from tests.integration.hil_inbox.test_handovers import log_of, waiting
from tests.support.kit import TENANT

GOOD = {"actor_id": "ana", "etag": '"e0"'}
CLAIM = "/v1/handovers/h1/claim"


@pytest.mark.parametrize(
    ("path", "body", "command_id", "status", "text"),
    [
        (CLAIM, GOOD, None, 422, "idempotency-key"),
        (CLAIM, GOOD, "x" * 129, 422, "128"),
        (CLAIM, {**GOOD, "etag": None}, "k", 428, "If-Match"),
        (CLAIM, {**GOOD, "etag": "e-1"}, "k", 422, "e-1"),
        (CLAIM, {**GOOD, "ownership_epoch": 0}, "k", 422, "ownership_epoch"),
        (CLAIM, {**GOOD, "surprise": 1}, "k", 422, "surprise"),
        (CLAIM, [], "k", 422, "body"),
        ("/v1/handovers/none/claim", GOOD, "k", 404, "handover 'none' does not exist"),
        ("/v1/handovers/h1/resolve", {**GOOD, "resolution": "x" * 2_001}, "k", 422, "2000"),
        ("/v1/handovers/h1/reply", {**GOOD, "text": ""}, "k", 422, "text"),
        ("/v1/handovers/h1/reply", {**GOOD, "text": "x" * 65_537}, "k", 422, "65536"),
        ("/v1/handovers/h1/reply", {**GOOD, "text": "x" * 600_000}, "k", 413, "524288"),
        ("/v1/handovers/h1/release", GOOD, "k", 409, "nobody owns it"),
        ("/v1/conversations/acme/never/claim", GOOD, "k", 404, "unknown_conversation"),
        ("/v1/conversations/a.b/c1/claim", GOOD, "k", 422, "tenant"),
        ("/v1/handovers/h1/transfer", {**GOOD, "to_queue": ""}, "k", 422, "to_queue"),
        ("/v1/handovers/h1/snooze", {**GOOD, "until_ms": -1}, "k", 422, "until_ms"),
        ("/v1/conversations/acme/c1/notes", {**GOOD, "text": "x" * 8_001}, "k", 422, "8000"),
        ("/v1/conversations/globex/c1/notes", {**GOOD, "text": "x"}, "k", 404, "globex/c1"),
        ("/v1/suggestions/none/settle", GOOD, "k", 404, "suggestion 'none'"),
        ("/v1/approvals/none/decide", {"actor_id": "ana", "verdict": "approve", "etag": None}, "k", 428, "If-Match"),
        ("/v1/approvals/none/decide", {"actor_id": "ana", "verdict": "approve"}, "k", 404, "approval 'none'"),
        ("/v1/approvals/none/decide", {"actor_id": "ana", "verdict": "maybe"}, "k", 422, "verdict"),
    ],
)
async def test_a_wrong_command_is_refused_with_a_clear_text(
    inbox: Inbox, path: str, body: Any, command_id: str | None, status: int, text: str
) -> None:
    await waiting(inbox, "c1", "h1")
    before = await log_of(inbox, "c1")
    answer = await inbox.post(path, body, command_id=command_id)
    assert answer[0] == status, answer
    assert text in str(answer[1])
    assert await log_of(inbox, "c1") == before


@pytest.mark.parametrize(
    ("path", "params", "text"),
    [
        ("/v1/handovers", {"limit": "0"}, "greater than or equal to 1"),
        ("/v1/handovers", {"limit": "1000"}, "200"),
        ("/v1/handovers", {"state": "lost"}, "resolved"),
        ("/v1/handovers", {"cursor": "nonsense"}, "cursor"),
        (f"/v1/conversations/{TENANT}/c1", {"cursor": "nonsense"}, "cursor"),
    ],
)
async def test_a_wrong_question_is_refused_with_a_clear_text(
    inbox: Inbox, path: str, params: dict[str, str], text: str
) -> None:
    await waiting(inbox, "c1", "h1")
    status, body = await inbox.get(path, **params)
    assert status == 422, body
    assert text in str(body)


async def test_what_does_not_exist_is_404(inbox: Inbox) -> None:
    for path in ("/v1/handovers/none", "/v1/approvals/none", "/v1/conversations/acme/none"):
        assert (await inbox.get(path))[0] == 404
