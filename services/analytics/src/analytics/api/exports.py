"""Executions and conversations as a file: CSV or lines of JSON, streamed, whole or not at all."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from analytics.api.figures import Desk, From, To
from analytics.api.lists import (
    LISTED_CONVERSATIONS,
    LISTED_EXECUTIONS,
    AskedConversations,
    AskedExecutions,
    Listing,
)
from analytics.api.page_cursor import place_of
from analytics.domain.csv_text import csv_line
from analytics.domain.listed_rows import Row
from document_store import InvalidQuery, Sort
from document_store.protocol import Condition
from service_kit.errors import RetryLater

ROWS_MAX = 100_000
PAGE_ROWS = 200
"""So many become text at once, in some 15 ms: others are answered in between."""
AT_ONCE_MAX = 4
SECONDS_MAX = 600.0
"""A reader who is slower is cut off, and sees that."""
Format = Annotated[Literal["csv", "ndjson"], Query(alias="format", description="ndjson: one JSON object a line.")]
KINDS = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string"}} for kind in KINDS.values()}}
}


@dataclass(frozen=True, slots=True)
class Exporter:
    """Writes what a question finds, the oldest first."""

    desk: Desk
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE_MAX))

    async def answer(self, listing: Listing, where: Sequence[Condition], form: str) -> Response:
        """The stream, once it is known that it is whole. Raises InvalidQuery, RetryLater."""
        if await self.desk.store.count_listed(listing.name, where, at_most=ROWS_MAX) >= ROWS_MAX:
            raise InvalidQuery(f"from: the period holds {ROWS_MAX} rows or more; ask for less, or for one workflow")
        if self.places.locked():
            raise RetryLater(f"{AT_ONCE_MAX} exports are being written")
        headers = {"content-disposition": f'attachment; filename="{listing.name}.{form}"'}
        return StreamingResponse(self._written(listing, where, form), media_type=KINDS[form], headers=headers)

    async def _written(self, listing: Listing, where: Sequence[Condition], form: str) -> AsyncIterator[bytes]:
        write = _as_csv if form == "csv" else _as_json
        async with self.places, asyncio.timeout(SECONDS_MAX):
            if form == "csv":
                yield csv_line(listing.columns).encode()
            in_order = Sort(listing.time_field)
            async for documents in self.desk.store.all_listed(listing.name, where, sort=in_order, size=PAGE_ROWS):
                yield b"".join(write(listing.row(document.body)) for document in documents)


def export_routes(desk: Desk) -> APIRouter:
    """Everything under /v1/exports."""
    router, exporter = APIRouter(prefix="/v1/exports", tags=["exports"]), Exporter(desk)

    @router.get("/executions", response_class=Response, responses=RESPONSES)
    async def executions(
        asked: AskedExecutions, *, from_: From = None, to: To = None, form: Format = "csv"
    ) -> Response:
        """Executions that ended in a period (the last 24 hours), fewer than 100,000, as a file."""
        place = place_of(from_, to, None, now_ms=desk.now_ms())
        return await exporter.answer(LISTED_EXECUTIONS, asked.where(LISTED_EXECUTIONS, place), form)

    @router.get("/conversations", response_class=Response, responses=RESPONSES)
    async def conversations(
        asked: AskedConversations, *, from_: From = None, to: To = None, form: Format = "csv"
    ) -> Response:
        """Conversations that began in a period (the last 24 hours), fewer than 100,000, as a file."""
        place = place_of(from_, to, None, now_ms=desk.now_ms())
        return await exporter.answer(LISTED_CONVERSATIONS, asked.where(LISTED_CONVERSATIONS, place), form)

    return router


def _as_csv(row: Row) -> bytes:
    return csv_line(row.values()).encode()


def _as_json(row: Row) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
