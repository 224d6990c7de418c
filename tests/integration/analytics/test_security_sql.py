"""What can a statement of an analyst reach beside the tables? docs/security-analytics.md lists these attempts."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.analytics_sql.ask import ask
from hil.analytics_sql.limits import SqlAnswer, SqlQuestion
from hil.analytics_sql.rows import TABLES
from tests.support.sql_child import answer_in_child, sleeps, told, tries

SECRET = "the secret of a file beside the tables"


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Three executions, no conversation, and a file with a secret in the same folder."""
    files = {name: tmp_path / f"it's {name}.ndjson" for name in TABLES}
    costs = {"c1": 5, "c2": 7, "=c3": None}
    rows = [{"tenant": "acme", "key": key, "success": True, "cost_microdollars": cost} for key, cost in costs.items()]
    files["executions"].write_text("".join(json.dumps(row) + "\n" for row in rows))
    files["conversations"].write_text("")
    (tmp_path / "secret.csv").write_text(f"a,b\n{SECRET},1\n")
    yield files
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "it's conversations.ndjson", "it's executions.ndjson", "secret.csv",
    ]  # fmt: skip


def answer_to(sql: str, tables: dict[str, Path], **limits: float) -> SqlAnswer:
    question = SqlQuestion.model_validate({"sql": sql, "tables": tables, "seconds": 20, "memory_mb": 128, **limits})
    found = told(answer_in_child, question)
    assert isinstance(found, SqlAnswer), found
    return found


def test_a_select_sees_the_rows_with_their_types(tables: dict[str, Path]) -> None:
    found = answer_to("select key, success, cost_microdollars from executions order by key", tables)
    assert found.columns == ["key", "success", "cost_microdollars"]
    assert found.rows == [["=c3", True, None], ["c1", True, 5], ["c2", True, 7]]
    assert answer_to("from conversations", tables).rows == []
    assert answer_to("select sum(cost_microdollars) from executions", tables).rows == [[12]]
    odd = "select 1.50::decimal(9,2), date '2026-01-02', [1,2], 'nan'::double, 170141183460469231731687303715884105727"
    assert answer_to(odd, tables).rows == [
        ["1.50", "2026-01-02", "[1, 2]", "nan", "170141183460469231731687303715884105727"]
    ]
    cut = answer_to("from range(5)", tables, rows_max=3)
    assert (cut.rows, cut.is_cut) == ([[0], [1], [2]], True)
    assert "table" in str(answer_to("from nothing", tables).error).lower()


READS = [
    "select * from read_csv('{file}')", "select * from read_csv_auto('{file}')", "select * from '{file}'",
    "select * from read_text('{file}')", "select * from read_blob('{file}')", "select * from read_json('{file}')",
    "select * from read_parquet('{file}')", "select * from parquet_metadata('{file}')",
    "select * from sniff_csv('{file}')", "select * from glob('{folder}/*')",
    "select * from read_text('/proc/self/environ')", "select * from read_csv('/dev/stdin')",
    "select * from query('select * from read_text(''{file}'')')", "select * from query_table('{file}')",
    "select * from read_text('http://127.0.0.1:{port}/x')", "select * from 'https://127.0.0.1:{port}/x.parquet'",
    "select * from read_csv('s3://bucket/x')", "select getenv('HOME')", "select * from duckdb_secrets()",
    "with t as (select * from read_csv('{file}')) select * from t", "select (select content from read_text('{file}'))",
    "select * from files", "select * from tables", "select * from question", "select * from sys.modules",
]  # fmt: skip
"""The last ones are names of variables of the process, which DuckDB would take for tables."""


@pytest.mark.parametrize("sql", READS)
def test_sql_reads_no_file_no_address_and_nothing_of_its_process(tables: dict[str, Path], sql: str) -> None:
    file = tables["executions"].with_name("secret.csv")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        found = answer_to(sql.format(file=file, folder=file.parent, port=server.getsockname()[1]), tables)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert found.error is not None and found.rows == []
    assert SECRET not in found.error


OTHERS = [
    "copy executions to '{file}.x'", "copy (select 1) to '{file}.x'", "copy executions from '{file}'",
    "export database '{file}.x'", "import database '{file}'", "attach '{file}.x'", "attach ':memory:' as m",
    "detach memory", "install httpfs", "load httpfs", "load '{file}'", "set enable_external_access = true",
    "set threads = 64", "set memory_limit = '64GB'", "reset lock_configuration", "set variable x = 1",
    "pragma enable_external_access", "pragma memory_limit='64GB'", "pragma version", "create table t as select 1",
    "create view v as select 1", "create macro m(x) as x", "create secret s (type s3)",
    "insert into executions (key) values ('x')", "delete from executions", "update executions set key = 'x'",
    "drop table executions", "alter table executions drop column key", "truncate executions", "call pragma_version()",
    "checkpoint", "vacuum", "analyze", "begin", "use memory", "prepare p as select 1", "execute p",
    "explain analyze select 1", "select 1; select 2", "select 1; copy executions to '{file}.x'", ";", "--", "selec",
    "\0",
]  # fmt: skip


@pytest.mark.parametrize("sql", OTHERS)
def test_sql_is_one_select_and_changes_nothing(tables: dict[str, Path], sql: str) -> None:
    found = answer_to(sql.format(file=tables["executions"].with_name("secret.csv")), tables)
    assert found.error is not None and found.rows == []


HUGE = [
    "select repeat('x', 3000000000)", "select list(range) from range(1000000000)",
    "select string_agg(repeat('x', 1000), '') from range(100000000)",
    "select * from range(100000000) order by hash(range)",
    "select a.range from range(100000000) a join range(100000000) b on a.range = b.range order by 1",
]  # fmt: skip


@pytest.mark.parametrize("sql", HUGE)
def test_sql_gets_no_more_memory_than_it_may(tables: dict[str, Path], sql: str) -> None:
    found = answer_to(sql, tables)
    assert "Memory" in str(found.error) or "memory" in str(found.error), found


def test_an_answer_that_is_too_long_is_refused(tables: dict[str, Path]) -> None:
    sql = "select repeat('x', 100000) from range(1000)"
    assert "over the limit" in str(answer_to(sql, tables).error)


@pytest.mark.parametrize(
    "sql",
    [
        "with recursive t as (select 1 x union all select x + 1 from t) select max(x) from t",
        "select count(*) from range(10000000) a, range(10000000) b where (a.range * b.range) % 7 = 3",
        "select sum(generate_series) from generate_series(1, 100000000000000)",
    ],
)
def test_sql_that_runs_for_ever_is_ended(tables: dict[str, Path], sql: str) -> None:
    began = time.monotonic()
    found = ask(SqlQuestion(sql=sql, tables=tables, seconds=0.5))
    assert found.error == "it took longer than 0.5 s, and was ended; ask for less"
    assert time.monotonic() - began < 15


def test_a_process_that_is_shut_in_opens_writes_and_gets_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert told(tries, file) == []
    assert file.read_text() == "x"
    assert told(sleeps) == -signal.SIGALRM
