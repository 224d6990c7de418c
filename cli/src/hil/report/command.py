"""`hil report --html FILE`: what happened in a period, as a page that needs nothing but itself?"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from hil.analytics_api import api_of
from hil.options import DATA_DIR_DEFAULT, DataDir
from hil.outcome import CommandError, bad_input
from hil.report import contents
from hil.report.ask_judged import judged_tables
from hil.report.contents import Period, Question, Row, rows_of
from hil.report.page import Asked, Page, page

DAYS_DEFAULT, DAYS_MAX = 7, 400
HOURS_WITH_MINUTES, DAYS_WITH_HOURS = 6, 10
Html = Annotated[Path, typer.Option("--html", help="File to write; an older one is replaced.", dir_okay=False)]
From = Annotated[str | None, typer.Option("--from", help="RFC 3339, UTC if no zone; 7 days before --to if none.")]
To = Annotated[str | None, typer.Option("--to", help="RFC 3339, UTC if no zone; now if none.")]
TenantName = Annotated[str | None, typer.Option("--tenant", help="One tenant; all that your token sees if none.")]
WorkflowName = Annotated[str | None, typer.Option("--workflow", help="One workflow; all if none.")]


def report(
    *,
    html: Html,
    from_: From = None,
    to: To = None,
    tenant: TenantName = None,
    workflow: WorkflowName = None,
    data_dir: DataDir = DATA_DIR_DEFAULT,
) -> None:
    """Write the figures of a period into one HTML file: no script, nothing loaded, ready for print."""
    now = datetime.now(UTC)
    until = now if to is None else _time("--to", to)
    since = until - timedelta(days=DAYS_DEFAULT) if from_ is None else _time("--from", from_)
    if not timedelta(minutes=1) <= until - since <= timedelta(days=DAYS_MAX):
        raise bad_input(
            f"--from {since:%Y-%m-%d %H:%M} has to be 1 minute to {DAYS_MAX} days before --to {until:%Y-%m-%d %H:%M}"
        )
    filters = {name: value for name, value in (("tenant", tenant), ("workflow", workflow)) if value is not None}
    period = _period(since, until)
    since = datetime.fromtimestamp(period.from_ms / 1_000, UTC)
    found = asyncio.run(_asked(data_dir, period, filters))
    _write(html, page(found, Page(filters, since, until, made=now)))
    print(f"{html}: {found.tiles[0][1]} executions from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC")


def _time(option: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad_input(f"{option} {text[:40]!r} is no time such as 2026-11-01 or 2026-11-01T08:00:00Z") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _period(since: datetime, until: datetime) -> Period:
    """Buckets of which there are neither too few nor too many to be seen."""
    long = until - since
    bucket = "hour" if long <= timedelta(days=DAYS_WITH_HOURS) else "day"
    if long <= timedelta(hours=HOURS_WITH_MINUTES):
        bucket = "minute"
    length_ms = contents.LENGTHS_MS[bucket]
    return Period(int(since.timestamp() * 1_000) // length_ms * length_ms, int(until.timestamp() * 1_000), bucket)


async def _asked(data_dir: Path, period: Period, filters: dict[str, str]) -> Asked:
    """One question after the other: a report has time."""
    api = api_of(data_dir)

    async def answered(question: Question) -> Row:
        answer = await api.ask("/v1/query", question.body(period, filters) | period.times())
        if answer is None:
            raise CommandError("what answers is no analytics: it has no /v1/query")
        return answer

    return Asked(
        tiles=contents.tiles(rows_of(await answered(contents.TOTAL))),
        charts=contents.charts(period, rows_of(await answered(contents.OVER_TIME))),
        tables=[
            *[one async for one in judged_tables(api.ask, period, filters)],
            *[contents.table(title, one, await answered(one)) for title, one in contents.TABLES.items()],
            contents.reasons(rows_of(await answered(contents.REASONS))),
        ],
    )


def _write(file: Path, text: str) -> None:
    """Whole or not at all."""
    draft = file.with_name(f".{file.name}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        raise bad_input(f"{file} cannot be written: {error.strerror}") from error
