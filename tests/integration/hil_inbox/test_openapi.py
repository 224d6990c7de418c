"""Does the service stand whatever its OpenAPI document allows?"""

import asyncio
from collections import Counter
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case

from tests.integration.hil_inbox.conftest import Inbox
from tests.integration.hil_inbox.test_handovers import waiting
from tests.support.handovers import asked, put

CASES_EACH = 6
EXAMINED = settings(
    max_examples=CASES_EACH,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


async def test_nothing_that_the_document_allows_makes_the_service_fail(inbox: Inbox) -> None:
    await waiting(inbox, "c1", "h1")
    await put(inbox.connection, asked("a1"), "c1")
    await inbox.shows("/v1/approvals/a1")
    base = str(inbox.session._base_url).rstrip("/")
    async with inbox.session.get("/openapi.json") as response:
        document = await response.json()
    statuses = await asyncio.to_thread(ask_all, document, base, inbox.headers)
    failed = {operation: found for operation, found in statuses.items() if any(status >= 500 for status in found)}
    assert failed == {}
    assert len(statuses) >= 20
    assert sum(found[200] for found in statuses.values()) > CASES_EACH  # They came through to the routes.


def ask_all(document: dict[str, Any], base: str, headers: dict[str, str]) -> dict[str, Counter[int]]:
    """Statuses by operation, for made-up values and for those of things that exist."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = base
    statuses: dict[str, Counter[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        counted = statuses.setdefault(operation.label, Counter())
        if operation.path != "/v1/feed":  # It does not end.
            ask_one(operation, headers, counted)
    return statuses


def ask_one(operation: Any, headers: dict[str, str], counted: Counter[int]) -> None:
    known = {"handover_id": "h1", "approval_id": "a1", "tenant": "acme", "key": "c1"}

    @EXAMINED
    @given(case=operation.as_strategy())
    def ask(case: Case) -> None:
        more = dict(headers)
        if sum(counted.values()) % 2:  # Every second time of something that exists, as it was seen.
            more["If-Match"] = '"e0"'
            made_up = case.path_parameters or {}
            case.path_parameters = {name: known.get(name, value) for name, value in made_up.items()}
        counted[case.call(headers=more).status_code] += 1

    ask()
