"""Does each route of the API refuse what none may do? The routes are those of the OpenAPI document of the service, so
that a new one cannot be forgotten."""

from collections.abc import Iterator
from typing import Any

from contracts.suggestions import OfferSuggestion
from hil_inbox.settings import Settings
from tests.integration.hil_inbox.conftest import Inbox
from tests.integration.hil_inbox.test_handovers import waiting
from tests.integration.hil_inbox.test_security import ask, browser, log_in
from tests.support.handovers import BASED, asked, put
from tests.support.inbox_token import give_person
from tests.support.wait_until import wait_until

PLACES = {
    "handover_id": "h1", "approval_id": "a1", "suggestion_id": "s1", "message_id": "m1", "tenant": "acme", "key": "c1",
    "queue": "general", "actor_id": "ana", "token_id": "0123456789abcdef",
}  # fmt: skip
THINGS = {"{handover_id}", "{approval_id}", "{suggestion_id}", "{key}"}
BODIES = {
    "reply": {"text": "x"}, "notes": {"text": "x"}, "snooze": {"until_ms": 4_000_000_000_000},
    "transfer": {"to_queue": "general"}, "decide": {"verdict": "approve"},
}  # fmt: skip
SEEN = {"Idempotency-Key": "k", "If-Match": '"e0"'}
SAFE = {"GET", "HEAD", "OPTIONS"}
FOR_ALL_ROLES = """
GET /v1/agents
GET /v1/approvals
GET /v1/approvals/{approval_id}
GET /v1/canned-replies
GET /v1/conversations/{tenant}/{key}
GET /v1/feed
GET /v1/handovers
GET /v1/handovers/{handover_id}
GET /v1/me
GET /v1/me/views
GET /v1/notices
GET /v1/queue
GET /v1/queue/counts
GET /v1/queues
GET /v1/search
POST /v1/approvals/{approval_id}/decide
POST /v1/conversations/{tenant}/{key}/claim
POST /v1/conversations/{tenant}/{key}/notes
POST /v1/conversations/{tenant}/{key}/typing
POST /v1/conversations/{tenant}/{key}/viewing
POST /v1/handovers/{handover_id}/claim
POST /v1/handovers/{handover_id}/release
POST /v1/handovers/{handover_id}/replies/{message_id}/undo
POST /v1/handovers/{handover_id}/reply
POST /v1/handovers/{handover_id}/resolve
POST /v1/handovers/{handover_id}/return
POST /v1/handovers/{handover_id}/snooze
POST /v1/handovers/{handover_id}/suggest
POST /v1/handovers/{handover_id}/transfer
POST /v1/handovers/{handover_id}/wake
POST /v1/me/heartbeat
POST /v1/suggestions/{suggestion_id}/settle
PUT /v1/me/status
PUT /v1/me/views
""".strip().splitlines()
"""What agents may; the owner's checks come on top."""


class Route:
    """A method on a path, with values for what the path names."""

    def __init__(self, method: str, template: str, document: dict[str, Any]) -> None:
        self.method, self.template = method.upper(), template
        self.path = template.format_map(PLACES)
        self.name = f"{self.method} {template}"
        self.roles = [role for scheme in document.get("security", []) for roles in scheme.values() for role in roles]
        self.takes_body = "requestBody" in document

    @property
    def body(self) -> dict[str, Any] | None:
        return BODIES.get(self.template.rsplit("/", 1)[-1], {}) if self.takes_body else None


async def routes_of(inbox: Inbox) -> list[Route]:
    async with inbox.session.get("/openapi.json") as response:
        document = await response.json()
    return list(_routes(document))


def _routes(document: dict[str, Any]) -> Iterator[Route]:
    for template, operations in document["paths"].items():
        if template.startswith("/v1/"):
            for method, operation in operations.items():
                yield Route(method, template, operation)


async def test_every_route_is_closed_without_a_token_and_with_a_made_up_one(inbox: Inbox) -> None:
    unknown = [Route(method, "/v1/what-nobody-thought-of", {}) for method in ("GET", "POST")]
    for route in [*await routes_of(inbox), *unknown]:
        for token in (None, "hil_" + "x" * 43):
            status, body = await ask(inbox, token, route.path, method=route.method, json=route.body, headers=SEEN)
            assert (status, body["error"]) == (401, "unauthenticated"), route.name


async def test_every_route_that_changes_something_refuses_a_page_of_another_site(
    inbox: Inbox, settings: Settings
) -> None:
    await give_person(settings.store_url, "root", "admin")
    unsafe = [route for route in await routes_of(inbox) if route.method not in SAFE]
    assert len(unsafe) >= 25
    async with browser(inbox) as session:
        await log_in(inbox, settings, session, "root")
        for route in unsafe:
            async with session.request(route.method, route.path, json=route.body, headers=SEEN) as response:
                assert (response.status, (await response.json())["error"]) == (403, "csrf"), route.name


async def test_every_route_is_for_all_roles_by_name_or_refuses_agents(inbox: Inbox, settings: Settings) -> None:
    agent = await give_person(settings.store_url, "ana")
    supervisor = await give_person(settings.store_url, "boss", "supervisor")
    routes = await routes_of(inbox)
    assert sorted(route.name for route in routes if not route.roles) == sorted(FOR_ALL_ROLES)
    for route in [route for route in routes if route.roles]:
        [role] = route.roles
        for token in (agent, supervisor)[: 1 if role == "supervisor" else 2]:
            status, answer = await ask(inbox, token, route.path, method=route.method, json=route.body, headers=SEEN)
            assert (status, answer["error"], answer["needed_role"]) == (403, "forbidden", role), route.name


async def test_every_route_hides_what_belongs_to_another_tenant(inbox: Inbox, settings: Settings) -> None:
    await waiting(inbox, "c1", "h1")
    await put(inbox.connection, asked("a1"), "c1")
    await put(inbox.connection, OfferSuggestion(suggestion_id="s1", text="x", origin="asked", based_on=BASED), "c1")

    async def offered() -> bool:
        return (await inbox.get("/v1/conversations/acme/c1"))[1].get("suggestions", []) != []

    await wait_until(offered)
    globex = await give_person(settings.store_url, "gil", "admin", tenant="globex")
    headers = SEEN | {"Hil-Tenant": "acme"}
    routes = [route for route in await routes_of(inbox) if any(thing in route.template for thing in THINGS)]
    assert len(routes) >= 18
    for route in routes:
        status, answer = await ask(inbox, globex, route.path, method=route.method, json=route.body, headers=headers)
        assert (status, answer["error"]) == (404, "not_found"), (route.name, answer)
    for path, rows in (("/v1/handovers", "handovers"), ("/v1/approvals", "approvals"), ("/v1/queue", "rows")):
        assert (await ask(inbox, globex, path))[1][rows] == [], path
    assert (await ask(inbox, globex, "/v1/search?q=person"))[1]["hits"] == []


async def test_every_route_refuses_a_body_that_is_too_large(inbox: Inbox) -> None:
    for route in [route for route in await routes_of(inbox) if route.method not in SAFE]:
        status, answer = await ask(inbox, inbox.token, route.path, method=route.method, data=b"x" * 600_000)
        assert (status, answer["error"]) == (413, "body_too_large"), route.name


STRANGE_BODIES = [
    b'{"text": "\\ud800"}', b'{"\\ud800": "x"}', b'{"reason": "\\u0000"}', b"\xff\xfe", b"[]", b"null", b'"x"', b"{",
    b"[" * 100_000, b'{"a":' * 50_000, b'{"until_ms": 1e400}', b'{"until_ms": ' + b"9" * 5_000 + b"}",
]  # fmt: skip


async def test_every_route_answers_a_strange_body_and_goes_on(inbox: Inbox) -> None:
    await waiting(inbox, "c1", "h1")
    await put(inbox.connection, asked("a1"), "c1")
    await inbox.shows("/v1/approvals/a1")
    headers = SEEN | {"Hil-Actor": "ana", "Content-Type": "application/json"}
    for route in [route for route in await routes_of(inbox) if route.takes_body]:
        for body in STRANGE_BODIES:
            status, answer = await ask(inbox, inbox.token, route.path, method=route.method, data=body, headers=headers)
            assert status < 500, (route.name, body[:40], answer)


STRANGE_CURSORS = ["-1", "x", "", " ", "1.5", "1e3", "0x1", "\0", "9007199254740993", "9" * 400, "١", "1,2", "NaN"]
STRANGE_IDS = ["-1", "x", "1 2", "1.5", "9" * 17, "9" * 7_000, "1;2", "\xff", "%00", "\u00b2"]


async def test_a_feed_refuses_strange_places_to_resume_and_survives_strange_headers(inbox: Inbox) -> None:
    headers = {"Hil-Actor": "ana"}
    for after in STRANGE_CURSORS:
        status, answer = await ask(inbox, inbox.token, "/v1/feed", params={"after": after}, headers=headers)
        assert (status, answer["error"]) == (422, "invalid_request"), after
    for last in STRANGE_IDS:
        more = headers | {"Last-Event-ID": last}
        status, answer = await ask(inbox, inbox.token, "/v1/feed", headers=more)
        assert (status, answer["error"]) == (422, "invalid_request"), last
    ahead = headers | {"Last-Event-ID": "9" * 16}
    status, told = await ask(inbox, inbox.token, "/v1/feed?after=0&after=x", headers=ahead)
    assert (status, "after" in str(told)) == (422, True)
    status, told = await ask(inbox, inbox.token, "/v1/feed", headers=ahead)
    assert (status, "event: reset" in told) == (200, True)
    for odd in ({"Accept": "\xff"}, {"Accept": "text/html"}, {"Accept-Encoding": "x" * 4_000}, {"Range": "bytes=0-1"}):
        everything = {"Authorization": f"Bearer {inbox.token}"} | headers | odd
        async with inbox.session.get("/v1/feed", headers=everything) as response:
            assert response.status == 200, odd
            assert (await response.content.readline()).startswith(b"retry:"), odd
