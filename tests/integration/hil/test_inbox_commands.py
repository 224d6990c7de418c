"""Do the commands for people and tokens of the inbox do what they say, on its store?"""

import asyncio
import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from document_store import open_store
from hil.inbox_staff import first_login
from hil.main import app
from hil.outcome import CommandError, ExitCode
from hil_inbox.adapters.one_time_store import OneTimeStore
from hil_inbox.adapters.people_store import PeopleStore
from hil_inbox.adapters.token_store import TokenStore
from hil_inbox.domain.people import Person
from hil_inbox.handlers.front_desk import CODE


@pytest.fixture
def store_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/hil_inbox.sqlite3"
    monkeypatch.setenv("HIL_INBOX_STORE_URL", url)
    monkeypatch.setenv("HIL_INBOX_PUBLIC_URL", "https://inbox.example")
    return url


def inbox(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["inbox", *arguments], catch_exceptions=True)


def lines(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def refused(result: Result) -> str:
    assert isinstance(result.exception, CommandError) and result.exception.code == ExitCode.BAD_INPUT
    return str(result.exception)


def test_a_person_is_added_once_changed_in_part_and_listed(store_url: str) -> None:
    assert inbox("person", "add", "ana", "--role", "agent", "--team", "billing", "--capacity", "3").exit_code == 0
    assert "exists already" in refused(inbox("person", "add", "ana"))
    assert inbox("person", "set", "ana", "--role", "supervisor", "--skill", "de", "--skill", "en").exit_code == 0
    assert inbox("person", "set", "ana", "--disable").exit_code == 0
    [found] = lines(inbox("person", "list", "--json"))
    assert (found["role"], found["teams"], found["skills"]) == ("supervisor", ["billing"], ["de", "en"])
    assert (found["capacity"], found["disabled"]) == (3, True)
    assert "ana" in inbox("person", "list").stdout
    assert "role" in refused(inbox("person", "set", "ana", "--role", "king"))
    assert "nobody called 'bo'" in refused(inbox("person", "set", "bo", "--role", "agent"))


def test_a_token_is_shown_once_and_can_be_revoked(store_url: str) -> None:
    text = inbox("token", "create", "desk", "--scope", "inbox:read", "--scope", "act_as").stdout.strip()
    [listed] = lines(inbox("token", "list", "--json"))
    assert (listed["label"], listed["scopes"], listed["revoked_ms"]) == ("desk", ["inbox:read", "act_as"], None)
    assert text not in str(listed)
    assert inbox("token", "revoke", str(listed["token_id"])).exit_code == 0
    assert "revoked" in inbox("token", "list").stdout
    assert "no token" in refused(inbox("token", "revoke", "0" * 16))
    assert "scopes" in refused(inbox("token", "create", "x", "--scope", "all"))
    assert "nobody called" in refused(inbox("token", "create", "x", "--person", "eve"))

    async def kept() -> bool:
        store = await open_store(store_url)
        try:
            found = await TokenStore(store).find(text)
            return found is not None and found.revoked_ms is not None
        finally:
            await store.close()

    assert asyncio.run(kept())


def test_a_first_login_link_is_for_a_known_person(store_url: str) -> None:
    inbox("person", "add", "you", "--role", "admin")
    link = inbox("first-login").stdout.strip()
    assert link.startswith("https://inbox.example/auth/first?code=")
    assert "nobody called 'eve'" in refused(inbox("first-login", "--person", "eve"))


def test_a_missing_store_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HIL_INBOX_STORE_URL", raising=False)
    assert "HIL_INBOX_STORE_URL" in refused(inbox("person", "list", "--data-dir", str(tmp_path)))


async def test_the_first_admin_is_made_once_and_not_brought_back(tmp_path: Path) -> None:
    found = await first_login(tmp_path, "http://127.0.0.1:8084", tenant="acme")
    assert found is not None
    link, file = found
    assert file.read_text() == f"{link}\n" and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert await first_login(tmp_path, "http://127.0.0.1:8084", tenant="acme") is not None
    store = await open_store(f"sqlite:///{tmp_path}/hil_inbox.sqlite3")
    try:
        code = link.partition("code=")[2]
        taken = await OneTimeStore(store).take(code, CODE, now_ms=0)
        assert taken == {"tenant": "acme", "actor_id": "you"}
        assert await OneTimeStore(store).take(code, CODE, now_ms=0) is None
        await PeopleStore(store).prepare()
        [you] = await PeopleStore(store).of_tenant("acme")
        assert you.role == "admin"
        await PeopleStore(store).put(Person(tenant="acme", actor_id="you", role="admin", disabled=True))
    finally:
        await store.close()
    assert await first_login(tmp_path, "http://127.0.0.1:8084", tenant="acme") is None
