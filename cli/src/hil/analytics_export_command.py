"""`hil analytics export`: how do rows get into a file that other programs read?"""

import json as json_
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from analytics.domain.csv_text import csv_line
from hil.analytics_api import api_of
from hil.options import DATA_DIR_DEFAULT, TENANT_DEFAULT, DataDir, Tenant
from hil.outcome import bad_input

From = Annotated[str | None, typer.Option("--from", help="RFC 3339; 24 hours ago if none.")]
To = Annotated[str | None, typer.Option("--to", help="RFC 3339; now if none.")]
WorkflowOption = Annotated[str | None, typer.Option(help="Of this workflow only.")]


class Kind(StrEnum):
    """What can be exported."""

    EXECUTIONS = "executions"
    CONVERSATIONS = "conversations"
    QUERY = "query"


def export(
    kind: Annotated[Kind, typer.Argument(help="executions, conversations, or the answer to a query.")],
    file: Annotated[Path, typer.Argument(help="Ends with .csv, .ndjson or .parquet; replaced if it is there.")],
    query: Annotated[str | None, typer.Option(help="For `query`: the body of POST /v1/query.")] = None,
    workflow: WorkflowOption = None,
    from_: From = None,
    to: To = None,
    tenant: Tenant = TENANT_DEFAULT,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """Write rows into a file: CSV (safe for spreadsheets), lines of JSON, or Parquet.

    They come over the API, with the token of HIL_ANALYTICS_TOKEN or the one that `hil up` keeps.
    """
    form = file.suffix.removeprefix(".")
    if form not in ("csv", "ndjson", "parquet"):
        raise bad_input(f"file {file}: ends with {file.suffix or 'nothing'}; give it .csv, .ndjson or .parquet")
    api = api_of(data_dir)
    with TemporaryDirectory(dir=file.absolute().parent, prefix=".hil-export-") as folder:
        lines, done = Path(folder) / "rows", Path(folder) / "done"
        if kind is Kind.QUERY:
            _write_rows(api.rows(_question(query)), lines, form)
        else:
            wire = "csv" if form == "csv" else "ndjson"
            api.fetch(f"/v1/exports/{kind}", period_params(tenant, workflow, from_, to) | {"format": wire}, lines)
        if form == "parquet":
            _to_parquet(kind, lines, done)
        os.replace(done if form == "parquet" else lines, file)
    print(file)


def period_params(tenant: str, workflow: str | None, from_: str | None, to: str | None) -> dict[str, str]:
    """Parameters of an export."""
    asked = {"tenant": tenant, "workflow": workflow, "from": from_, "to": to}
    return {name: value for name, value in asked.items() if value is not None}


def _question(text: str | None) -> object:
    if text is None:
        raise bad_input('--query: give the body of POST /v1/query, such as \'{"metrics": ["executions"]}\'')
    try:
        return json_.loads(text)
    except ValueError as error:
        raise bad_input(f"--query is no JSON: {error}") from error


def _write_rows(rows: Sequence[dict[str, object]], file: Path, form: str) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        if form == "csv" and rows:
            opened.write(csv_line(rows[0]))
        for row in rows:
            opened.write(csv_line(map(_cell, row.values())) if form == "csv" else json_.dumps(row) + "\n")


def _cell(value: object) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else json_.dumps(value)


def _to_parquet(kind: Kind, lines: Path, file: Path) -> None:
    import duckdb  # Takes a moment to load, which other commands need not wait for.

    from hil.analytics_sql.rows import quoted, read_rows

    source = f"read_json({quoted(lines)}, format='newline_delimited')" if kind is Kind.QUERY else read_rows(kind, lines)
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"COPY (SELECT * FROM {source}) TO {quoted(file)} (FORMAT parquet)")  # noqa: S608
