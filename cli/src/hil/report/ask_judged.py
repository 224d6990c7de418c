"""Which promises, KPIs, experiments and evaluations belong to a period, and what was left out?"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import cast
from urllib.parse import urlencode

from hil.report import judged
from hil.report.contents import Period, Row, Table, rows_of
from hil.report.judged import Answer

EXPERIMENTS_MAX, EXPERIMENTS_LISTED = 20, 200
EVALUATIONS_MAX, PAGE_ROWS, PAGES_MAX = 200, 200, 50
Ask = Callable[[str], Awaitable[Answer | None]]
"""The answer to a GET; None where the service has nothing of the kind."""
Filters = Mapping[str, str]


async def judged_tables(ask: Ask, period: Period, filters: Filters) -> AsyncIterator[Table]:
    """What the service has of these; one of before them has none."""
    slos = await ask(f"/v1/slos?{urlencode(filters)}")
    if slos is not None:
        yield judged.promises(rows_of(slos, "slos"))
    worth = await ask(f"/v1/kpis?{urlencode({**filters, **period.times(), 'compare': 'previous_period'})}")
    if worth is not None:
        yield judged.kpis(worth)
    tenant = {name: value for name, value in filters.items() if name == "tenant"}
    known = await ask(f"/v1/experiments?{urlencode({**tenant, 'limit': EXPERIMENTS_LISTED})}")
    if known is not None:
        yield await _experiments(ask, known, period, filters)
    yield await _evaluations(ask, period, filters)


async def _experiments(ask: Ask, known: Answer, period: Period, filters: Filters) -> Table:
    started = rows_of(known, "experiments")
    listed = [one for one in started if filters.get("workflow") in (None, one["workflow"])]
    listed = [one for one in listed if judged.runs_in(one, period.from_ms, period.to_ms)]
    paths = [f"/v1/experiments/{one['tenant']}/{one['name']}" for one in listed[:EXPERIMENTS_MAX]]
    is_cut = len(listed) > EXPERIMENTS_MAX or len(started) == EXPERIMENTS_LISTED
    note = f"At most {EXPERIMENTS_MAX}, of the {EXPERIMENTS_LISTED} that were started last." if is_cut else ""
    return judged.experiments([found for path in paths if (found := await ask(path)) is not None], note)


async def _evaluations(ask: Ask, period: Period, filters: Filters) -> Table:
    """They come as they were published, the last first, and may have ended long before: only a page all of which
    did so is the end."""
    found: list[Row] = []
    place: Filters = {}
    note = ""
    for _ in range(PAGES_MAX):
        answer = await ask(f"/v1/evaluations?{urlencode({**filters, 'limit': PAGE_ROWS, **place})}")
        if answer is None:
            break
        rows = rows_of(answer, "evaluations")
        found += [row for row in rows if period.from_ms <= judged.ended_ms(row) < period.to_ms]
        if len(found) > EVALUATIONS_MAX:
            note = f"The newest {EVALUATIONS_MAX}."
            break
        if answer["next_cursor"] is None or all(judged.ended_ms(row) < period.from_ms for row in rows):
            break
        place = {"cursor": cast(str, answer["next_cursor"])}
    else:
        note = f"Of the newest {PAGES_MAX * PAGE_ROWS:,} alone."
    return judged.evaluations(found[:EVALUATIONS_MAX], note)
