"""Do the commands for tokens of analytics do what they say, on its store?"""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from analytics.adapters.access_store import AccessStore, id_of
from document_store import open_store
from hil.analytics_access import first_token
from hil.main import app
from hil.outcome import CommandError, ExitCode


@pytest.fixture
def store_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/analytics.sqlite3"
    monkeypatch.setenv("ANALYTICS_STORE_URL", url)
    return url


def token(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["analytics", "token", *arguments], catch_exceptions=True)


def refused(result: Result) -> str:
    assert isinstance(result.exception, CommandError) and result.exception.code == ExitCode.BAD_INPUT
    return str(result.exception)


def test_a_token_is_shown_once_and_can_be_revoked(store_url: str) -> None:
    made = token("create", "dashboards", "--tenant", "acme", "--tenant", "globex")
    text = made.stdout.strip()
    assert text.startswith("hil_"), made.exception
    [listed] = [json.loads(line) for line in token("list", "--json").stdout.splitlines()]
    assert (listed["token_id"], listed["tenants"]) == (id_of(text), ["acme", "globex"])
    assert (listed["role"], listed["revoked_ms"]) == ("analyst", None)
    assert text not in str(listed) and text[4:] not in Path(store_url.removeprefix("sqlite:///")).read_text("latin-1")
    assert "good" in token("list").stdout
    assert token("revoke", id_of(text)).exit_code == 0
    assert "revoked" in token("list").stdout
    assert "no token" in refused(token("revoke", "0" * 16))
    assert "tenants.0" in refused(token("create", "x", "--tenant", "a.b"))
    assert "role" in refused(token("create", "x", "--tenant", "acme", "--role", "root"))


def test_a_missing_store_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANALYTICS_STORE_URL", raising=False)
    assert "ANALYTICS_STORE_URL" in refused(token("list", "--data-dir", str(tmp_path)))


async def test_the_first_token_is_made_once_and_not_brought_back(tmp_path: Path) -> None:
    file = await first_token(tmp_path, tenant="acme")
    text = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (await first_token(tmp_path, tenant="acme")).read_text().strip() == text
    store = await open_store(f"sqlite:///{tmp_path}/analytics.sqlite3")
    try:
        access = AccessStore(store)
        await access.prepare()
        [kept] = await access.tokens()
        assert (kept.tenants, kept.role) == (("acme",), "admin")
        assert await access.revoke(kept.token_id, now_ms=1) is not None
        await first_token(tmp_path, tenant="acme")
        assert [one.revoked_ms for one in await access.tokens()] == [1]
    finally:
        await store.close()


def test_whoever_has_a_shell_where_the_service_runs_makes_the_first_token(store_url: str) -> None:
    command = [sys.executable, "-m", "analytics", "token", "operators"]
    text = subprocess.run([*command, "acme"], capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    wrong = subprocess.run([*command, "a.b"], capture_output=True, text=True, check=False, timeout=60)
    assert wrong.returncode == 2 and "tenants.0" in wrong.stderr and "'a.b'" in wrong.stderr
    [listed] = [json.loads(line) for line in token("list", "--json").stdout.splitlines()]
    assert (listed["token_id"], listed["role"], listed["tenants"]) == (id_of(text), "admin", ["acme"])
