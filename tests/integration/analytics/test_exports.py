"""Do `hil analytics export` and `hil analytics sql` give a tenant's rows, and nobody else's?"""

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from analytics.app import serve
from analytics.settings import Settings
from hil.embedded.ports import free_port
from hil.main import app
from hil.outcome import CommandError, ExitCode
from tests.integration.analytics.test_figures import counted
from tests.support.analytics_token import give_token
from tests.support.handovers import ended, put
from tests.support.kit import kit
from tests.support.running_service import running_service
from tests.support.start_servers import NatsServer


@pytest.fixture
async def folder(nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """Where files go. Analytics has two executions of the tenant, and one of another; the token is of the tenant."""
    url = f"sqlite:///{tmp_path}/analytics.sqlite3"
    settings = Settings(nats_url=nats_server.url, store_url=url, http_port=free_port(), log_level="error")
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        await put(connection, ended("x1", workflow="support", cost_microdollars=5), "c1")
        await put(connection, ended("x2", workflow="+returns", cost_microdollars=7), "c2")
        last = await put(connection, ended("x3", workflow="theirs"), "c3", tenant="globex")
        token = await give_token(url)
        session.headers["Authorization"] = f"Bearer {token}"
        await counted(session, last)
        monkeypatch.setenv("HIL_ANALYTICS_URL", f"http://127.0.0.1:{settings.http_port}")
        monkeypatch.setenv("HIL_ANALYTICS_TOKEN", token)
        (tmp_path / "files").mkdir()
        yield tmp_path / "files"


async def analytics(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["analytics", *arguments])


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def refused(result: Result, code: ExitCode = ExitCode.BAD_INPUT) -> str:
    assert isinstance(result.exception, CommandError) and result.exception.code == code, result.exception
    return str(result.exception)


async def test_files_of_all_kinds_hold_the_same_rows(folder: Path) -> None:
    for form in ("csv", "ndjson", "parquet"):
        result = await analytics("export", "executions", str(folder / f"rows.{form}"))
        assert result.exit_code == 0, result.exception
    lines = [json.loads(line) for line in (folder / "rows.ndjson").read_text().splitlines()]
    assert [(row["key"], row["workflow"], row["cost_microdollars"]) for row in lines] == [
        ("c1", "support", 5),
        ("c2", "+returns", 7),
    ]
    rows = list(csv.DictReader((folder / "rows.csv").open(newline="")))
    assert [(row["key"], row["workflow"], row["cost_microdollars"]) for row in rows] == [
        ("c1", "support", "5"),
        ("c2", "'+returns", "7"),
    ]
    found = duckdb.read_parquet(str(folder / "rows.parquet"))
    assert found.columns == list(lines[0])
    assert found.fetchall() == [tuple(row.values()) for row in lines]
    assert names(folder) == ["rows.csv", "rows.ndjson", "rows.parquet"]


async def test_an_answer_to_a_query_becomes_a_file(folder: Path) -> None:
    question = json.dumps({"metrics": ["executions", "cost_usd"], "dimensions": ["workflow"], "order_by": "workflow"})
    for form in ("csv", "ndjson", "parquet"):
        result = await analytics("export", "query", str(folder / f"rows.{form}"), "--query", question)
        assert result.exit_code == 0, result.exception
    lines = [json.loads(line) for line in (folder / "rows.ndjson").read_text().splitlines()]
    assert [(row["workflow"], row["executions"]) for row in lines] == [("_returns", 1), ("support", 1)]
    assert duckdb.read_parquet(str(folder / "rows.parquet")).fetchall() == [tuple(row.values()) for row in lines]
    assert (folder / "rows.csv").read_text().splitlines()[0] == "workflow,executions,cost_usd"
    wrong = await analytics("export", "query", str(folder / "x.csv"), "--query", '{"metrics": ["executionz"]}')
    assert "did you mean executions?" in refused(wrong)


async def test_sql_finds_the_tenants_rows_alone(folder: Path) -> None:
    statement = "select workflow, sum(cost_microdollars) as cost from executions group by 1 order by 1"
    result = await analytics("sql", statement, "--json")
    assert result.exit_code == 0, result.exception
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows == [{"workflow": "+returns", "cost": 7}, {"workflow": "support", "cost": 5}]
    assert "support" in (await analytics("sql", "from executions", "--workflow", "support")).stdout
    assert "tenant 'globex' is none of your token's: acme" in refused(
        await analytics("sql", "from executions", "--tenant", "globex")
    )
    assert "cannot access" in refused(await analytics("sql", "from read_text('/etc/passwd')"), ExitCode.FAILED).lower()


async def test_what_cannot_work_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "give it .csv" in refused(await analytics("export", "executions", str(folder / "x.txt")))
    assert "--query" in refused(await analytics("export", "query", str(folder / "x.csv")))
    assert "no JSON" in refused(await analytics("export", "query", str(folder / "x.csv"), "--query", "{"))
    assert "from" in refused(await analytics("export", "executions", str(folder / "x.csv"), "--from", "yesterday"))
    assert names(folder) == []
    monkeypatch.setenv("HIL_ANALYTICS_TOKEN", "hil_" + "x" * 43)
    assert "(401)" in refused(await analytics("sql", "select 1"))
    monkeypatch.delenv("HIL_ANALYTICS_TOKEN")
    assert "HIL_ANALYTICS_TOKEN holds the token" in refused(
        await analytics("sql", "select 1", "--data-dir", str(folder))
    )
    monkeypatch.setenv("HIL_ANALYTICS_TOKEN", "hil_" + "x" * 43)
    monkeypatch.setenv("HIL_ANALYTICS_URL", f"http://127.0.0.1:{free_port()}")
    refused(await analytics("sql", "select 1"), ExitCode.UNREACHABLE)
