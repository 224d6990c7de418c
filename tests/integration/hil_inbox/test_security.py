"""Who tries what they may not, and what do they get? docs/security-inbox.md lists these attempts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from hil_inbox.settings import Settings
from tests.integration.hil_inbox.conftest import ON_BOTH_STORES, Inbox
from tests.support.inbox_token import give_code, give_person, give_token
from tests.support.kit import say
from tests.support.wait_until import wait_until

Answer = tuple[int, Any]


async def ask(inbox: Inbox, token: str | None, path: str, *, method: str = "GET", **more: Any) -> Answer:
    """As whoever holds the token."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    headers |= more.pop("headers", {})
    async with inbox.session.request(method, path, headers=headers, allow_redirects=False, **more) as response:
        kind = response.headers.get("content-type", "")
        return response.status, await response.json() if "json" in kind else await response.text()


@asynccontextmanager
async def browser(inbox: Inbox) -> AsyncIterator[aiohttp.ClientSession]:
    """With a jar of cookies of its own."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(str(inbox.session._base_url), cookie_jar=jar) as session:
        yield session


async def log_in(inbox: Inbox, settings: Settings, session: aiohttp.ClientSession, actor_id: str) -> str:
    """By a one-time code; the CSRF token."""
    code = await give_code(settings.store_url, actor_id)
    async with session.post("/auth/first", data={"code": code}, allow_redirects=False) as response:
        assert response.status == 303, await response.text()
    async with session.get("/auth/session") as response:
        return str((await response.json())["csrf_token"])


@ON_BOTH_STORES
async def test_an_expired_a_revoked_and_a_made_up_token_are_refused(inbox: Inbox, settings: Settings) -> None:
    expired = await give_token(settings.store_url, age_days=91)
    admin = await give_person(settings.store_url, "root", "admin")
    revoked = await give_person(settings.store_url, "ana")
    _, listed = await ask(inbox, admin, "/v1/tokens")
    assert revoked not in str(listed) and admin not in str(listed)
    [token_id] = [one["token_id"] for one in listed["tokens"] if one["actor_id"] == "ana"]
    assert (await ask(inbox, revoked, "/v1/handovers"))[0] == 200
    assert (await ask(inbox, admin, f"/v1/tokens/{token_id}", method="DELETE"))[0] == 200
    for token in (expired, revoked, "hil_" + "x" * 43, "hil_", "x", ""):
        status, body = await ask(inbox, token, "/v1/handovers")
        assert (status, body["error"]) == (401, "unauthenticated"), token


async def test_a_token_is_shown_once_and_has_no_more_than_its_scopes(inbox: Inbox, settings: Settings) -> None:
    admin = await give_person(settings.store_url, "root", "admin")
    wanted = {"label": "a reader", "scopes": ["inbox:read"], "role": "admin"}
    status, made = await ask(inbox, admin, "/v1/tokens", method="POST", json=wanted)
    assert status == 201 and made["token"].startswith("hil_")
    assert (await ask(inbox, made["token"], "/v1/handovers"))[0] == 200
    assert (await ask(inbox, made["token"], "/v1/people"))[0] == 403
    status, body = await ask(inbox, made["token"], "/v1/tokens", method="POST", json=wanted)
    assert (status, body["detail"]) == (403, "the token lacks scope inbox:act")
    assert made["token"] not in str(await ask(inbox, admin, "/v1/tokens"))


async def test_an_agent_is_named_by_a_desk_alone_and_never_gets_more_than_is_theirs(
    inbox: Inbox, settings: Settings
) -> None:
    agent = await give_person(settings.store_url, "ana")
    await give_person(settings.store_url, "root", "admin")
    status, body = await ask(inbox, agent, "/v1/handovers", headers={"Hil-Actor": "root"})
    assert status == 401 and "act_as" in body["detail"]
    desk = await give_token(settings.store_url, role="agent", scopes=("inbox:read", "inbox:act", "act_as"))
    assert (await ask(inbox, desk, "/v1/handovers", headers={"Hil-Actor": "root"}))[0] == 200
    assert (await ask(inbox, desk, "/v1/people", headers={"Hil-Actor": "root"}))[0] == 403
    strong = await give_token(settings.store_url)
    assert (await ask(inbox, strong, "/v1/people", headers={"Hil-Actor": "root"}))[0] == 200
    for weak in ("ana", "somebody-unknown"):
        assert (await ask(inbox, strong, "/v1/people", headers={"Hil-Actor": weak}))[0] == 403
    assert (await ask(inbox, strong, "/v1/people", headers={"Hil-Actor": "a b"}))[0] == 401


async def test_a_first_login_code_works_once_and_not_after_its_time(inbox: Inbox, settings: Settings) -> None:
    await give_person(settings.store_url, "ana")
    code = await give_code(settings.store_url, "ana")
    status, page = await ask(inbox, None, f"/auth/first?code={code}")
    assert status == 200 and "Sign in" in page  # Looking at it uses nothing up.
    statuses = await asyncio.gather(
        *(ask(inbox, None, "/auth/first", method="POST", data={"code": code}) for _ in range(5))
    )
    assert sorted(status for status, _ in statuses) == [303, 401, 401, 401, 401]
    late = await give_code(settings.store_url, "ana", age_minutes=16)
    assert (await ask(inbox, None, "/auth/first", method="POST", data={"code": late}))[0] == 401


async def test_a_session_needs_the_right_csrf_token_and_origin_for_whatever_changes_something(
    inbox: Inbox, settings: Settings
) -> None:
    await give_person(settings.store_url, "root", "admin")
    async with browser(inbox) as session:
        csrf = await log_in(inbox, settings, session, "root")
        origin = str(inbox.session._base_url).rstrip("/")
        attempts = [
            ({}, 403),
            ({"X-CSRF-Token": "0" * 64}, 403),
            ({"X-CSRF-Token": csrf, "Origin": "https://evil.example"}, 403),
            ({"X-CSRF-Token": csrf, "Origin": "null"}, 403),
            ({"X-CSRF-Token": csrf, "Sec-Fetch-Site": "cross-site"}, 403),
            ({"X-CSRF-Token": csrf, "Origin": origin}, 200),
            ({"X-CSRF-Token": csrf}, 200),
        ]
        for headers, status in attempts:
            async with session.put("/v1/people/bo", json={}, headers=headers) as response:
                assert response.status == status, headers
        async with session.post("/auth/logout") as response:
            assert response.status == 403


@ON_BOTH_STORES
async def test_a_login_begins_a_new_session_and_a_logout_ends_it(inbox: Inbox, settings: Settings) -> None:
    await give_person(settings.store_url, "ana")
    async with browser(inbox) as session:
        session.cookie_jar.update_cookies({"hil_session": "f" * 43}, inbox.session._base_url)  # Slipped in before.
        csrf = await log_in(inbox, settings, session, "ana")
        [cookie] = [cookie for cookie in session.cookie_jar if cookie.key == "hil_session"]
        assert cookie.value != "f" * 43
        assert cookie["httponly"] and cookie["samesite"].lower() == "lax"
        async with session.get("/v1/handovers") as response:
            assert response.status == 200
        async with session.post("/auth/logout", headers={"X-CSRF-Token": csrf}) as response:
            assert response.status == 204
        for stolen in (cookie.value, "f" * 43, ""):
            async with inbox.session.get("/v1/handovers", headers={"Cookie": f"hil_session={stolen}"}) as response:
                assert response.status == 401


async def test_the_session_of_a_person_ends_within_seconds_of_their_being_disabled(
    inbox: Inbox, settings: Settings
) -> None:
    admin = await give_person(settings.store_url, "root", "admin")
    token = await give_person(settings.store_url, "ana")
    async with browser(inbox) as session:
        await log_in(inbox, settings, session, "ana")
        assert (await ask(inbox, admin, "/v1/people/ana", method="PUT", json={"disabled": True}))[0] == 200

        async def is_out() -> bool:
            async with session.get("/v1/handovers") as response:
                return response.status == 401

        await wait_until(is_out, timeout_seconds=5)
        assert (await ask(inbox, token, "/v1/handovers"))[0] == 401


@ON_BOTH_STORES
async def test_guessing_is_stopped_and_tells_nothing_of_who_exists(inbox: Inbox, settings: Settings) -> None:
    token = await give_person(settings.store_url, "ana")
    answers = [
        await ask(inbox, None, "/login", method="POST", data={"account": account, "secret": f"guess-{number}"})
        for number in range(5)
        for account in ("ana", "nobody")
    ]
    assert {status for status, _ in answers} == {401}
    assert len({text for _, text in answers}) == 1
    for number in range(10):
        await ask(inbox, None, "/login", method="POST", data={"account": "ana", "secret": f"guess-{number}"})
    right = {"account": "ana", "secret": token}
    status, text = await ask(inbox, None, "/login", method="POST", data=right)
    assert status == 429 and "too many failed attempts" in text.lower()
    assert (await ask(inbox, token, "/v1/handovers"))[0] == 200  # Who has a token is not shut out by guesses.


async def test_a_login_leads_nowhere_else(inbox: Inbox, settings: Settings) -> None:
    token = await give_person(settings.store_url, "ana")
    for elsewhere in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\t//x"):
        form = {"account": "ana", "secret": token, "next": elsewhere}
        async with inbox.session.post("/login", data=form, allow_redirects=False) as response:
            assert (response.status, response.headers["location"]) == (303, "/"), elsewhere


async def test_a_form_of_another_site_logs_nobody_in(inbox: Inbox, settings: Settings) -> None:
    token = await give_person(settings.store_url, "ana")
    form = {"account": "ana", "secret": token}
    headers = {"Origin": "https://evil.example"}
    assert (await ask(inbox, None, "/login", method="POST", data=form, headers=headers))[0] == 400
    assert (await ask(inbox, None, "/login", method="POST", json=form))[0] == 400


async def test_a_body_that_is_too_large_is_refused(inbox: Inbox) -> None:
    for path in ("/login", "/v1/tokens"):
        status, body = await ask(inbox, inbox.token, path, method="POST", data=b"x" * 600_000)
        assert (status, body["error"]) == (413, "body_too_large")


async def test_another_host_name_is_refused(inbox: Inbox) -> None:
    status, body = await ask(inbox, inbox.token, "/v1/handovers", headers={"Host": "rebound.example"})
    assert (status, body["error"]) == (421, "unknown_host")
    assert (await ask(inbox, None, "/healthz", headers={"Host": "10.1.2.3:8084"}))[0] == 200


async def test_every_answer_carries_the_headers_that_bind_the_browser(inbox: Inbox) -> None:
    for path in ("/login", "/v1/handovers", "/nowhere", "/healthz"):
        async with inbox.session.get(path) as response:
            policy = response.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["referrer-policy"] == "same-origin"
            assert response.headers["cache-control"] == "no-store"


async def test_a_code_in_the_address_is_text_and_never_markup(inbox: Inbox) -> None:
    _, page = await ask(inbox, None, '/auth/first?code="><script>alert(1)</script>')
    assert "<script>" not in page and "&#34;&gt;&lt;script&gt;" in page


@ON_BOTH_STORES
async def test_the_audit_knows_logins_denials_and_what_admins_did(inbox: Inbox, settings: Settings) -> None:
    admin = await give_person(settings.store_url, "root", "admin")
    agent = await give_person(settings.store_url, "ana")
    async with browser(inbox) as session:
        await log_in(inbox, settings, session, "ana")
    for _ in range(3):
        await ask(inbox, agent, "/v1/people")
    await ask(inbox, admin, "/v1/people/ana", method="PUT", json={"role": "supervisor"})
    _, told = await ask(inbox, admin, "/v1/audit")
    actions = [entry["action"] for entry in told["audit"]]
    assert set(actions) == {"denied", "login", "person_changed"}
    assert actions.count("denied") <= 2  # Three within a minute are one; the minute may end between them.
    [changed] = [entry for entry in told["audit"] if entry["action"] == "person_changed"]
    assert (changed["actor_id"], changed["before"]["role"], changed["after"]["role"]) == ("root", "agent", "supervisor")
    _, told = await ask(inbox, admin, "/v1/audit?actor=ana")
    assert {entry["actor_id"] for entry in told["audit"]} == {"ana"}
    globex = await give_person(settings.store_url, "gil", "admin", tenant="globex")
    assert (await ask(inbox, globex, "/v1/audit"))[1]["audit"] == []


async def test_another_tenants_people_and_tokens_do_not_exist(inbox: Inbox, settings: Settings) -> None:
    await give_person(settings.store_url, "ana")
    globex = await give_person(settings.store_url, "gil", "admin", tenant="globex")
    _, people = await ask(inbox, globex, "/v1/people", headers={"Hil-Tenant": "acme"})
    assert [person["actor_id"] for person in people["people"]] == ["gil"]
    assert (await ask(inbox, globex, "/v1/people/ana/first-login", method="POST"))[0] == 404
    _, tokens = await ask(inbox, inbox.token, "/v1/tokens")
    [token_id] = [one["token_id"] for one in tokens["tokens"] if one["actor_id"] == "ana"]
    assert (await ask(inbox, globex, f"/v1/tokens/{token_id}", method="DELETE"))[0] == 404


async def test_a_customers_markup_is_never_sent_as_a_page(inbox: Inbox) -> None:
    await say(inbox.connection, "c9", "1", "<script>alert(1)</script>")
    await inbox.shows("/v1/conversations/acme/c9")
    async with inbox.session.get("/v1/conversations/acme/c9", headers=inbox.headers) as response:
        assert "<script>" in await response.text()
        assert response.headers["content-type"] == "application/json"
        assert response.headers["x-content-type-options"] == "nosniff"
