"""`hil analytics sql`: what does a SELECT over a tenant's executions and conversations find?"""

import json as json_
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hil.analytics_api import api_of
from hil.analytics_export_command import From, To, WorkflowOption, period_params
from hil.analytics_sql.ask import ask
from hil.analytics_sql.limits import MEMORY_MB_DEFAULT, ROWS_DEFAULT, SECONDS_DEFAULT, SqlAnswer, SqlQuestion
from hil.analytics_sql.rows import TABLES
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, AsJson, DataDir, Tenant
from hil.outcome import CommandError, bad_input

WIDTH_MAX = 4_096
"""A wide answer is not squeezed into the terminal: `--json`, `less -S` or fewer columns make it readable."""


def sql(
    statement: Annotated[str, typer.Argument(help="One SELECT over `executions` and `conversations`.")],
    workflow: WorkflowOption = None,
    from_: From = None,
    to: To = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=3_600, help="It is ended after this time.")] = SECONDS_DEFAULT,
    memory_mb: Annotated[int, typer.Option(min=64, max=65_536, help="Memory of the database.")] = MEMORY_MB_DEFAULT,
    rows: Annotated[int, typer.Option(min=1, max=1_000_000, help="Rows shown at most.")] = ROWS_DEFAULT,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    json: AsJson = False,
) -> None:
    """Ask in SQL (DuckDB's), over rows of a period that are fetched with your token.

    The statement can read these tables and nothing else: no file, no network, no setting; it changes nothing.
    """
    if not 1 <= len(statement) <= 100_000:
        raise bad_input(f"the statement has {len(statement)} characters; 1 to 100,000 are allowed")
    api = api_of(data_dir)
    with TemporaryDirectory(prefix="hil-sql-") as folder:
        files = {table: Path(folder) / f"{table}.ndjson" for table in TABLES}
        for table, file in files.items():
            api.fetch(f"/v1/exports/{table}", period_params(tenant, workflow, from_, to) | {"format": "ndjson"}, file)
        answer = ask(SqlQuestion(sql=statement, tables=files, seconds=seconds, memory_mb=memory_mb, rows_max=rows))
    if answer.error is not None:
        raise CommandError(answer.error)
    _show(answer, as_json=json)


def _show(answer: SqlAnswer, *, as_json: bool) -> None:
    if as_json:
        for row in answer.rows:
            print(json_.dumps(dict(zip(answer.columns, row, strict=True)), ensure_ascii=False))
    else:
        table = Table(*map(escape, answer.columns))
        for row in answer.rows:
            table.add_row(*("" if value is None else escape(str(value)) for value in row))
        Console(width=WIDTH_MAX).print(table)
    if answer.is_cut:
        Console(stderr=True).print(f"only the first {len(answer.rows)} rows are shown; --rows shows more")
