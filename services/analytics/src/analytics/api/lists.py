"""Executions and conversations of a tenant over HTTP: filtered, the newest first, a page at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from analytics.adapters.figure_store import CONVERSATIONS, EXECUTIONS
from analytics.adapters.rollup_documents import read_rollup
from analytics.api.access import Analyst
from analytics.api.figures import Desk, From, Limit, TenantFilter, To, WorkflowFilter
from analytics.api.page_cursor import PageCursor, Place, place_of
from analytics.domain.callers import Caller
from analytics.domain.contribute import label_of
from analytics.domain.listed_rows import (
    CONVERSATION_COLUMNS,
    EXECUTION_COLUMNS,
    Row,
    conversation_row,
    execution_row,
)
from document_store import Between, Equal, InvalidQuery, Sort
from document_store.protocol import Condition, Direction, Scalar

Ended = Annotated[
    Literal["finished", "handed_over", "failed"] | None,
    Query(description="How it ended; handed over as the customer or a policy asked for it."),
]
HandedOver = Annotated[bool | None, Query(description="Whether a person was asked.")]
Resolution = Annotated[Literal["ai", "resolved", "returned"] | None, Query(description="How it ended last.")]


@dataclass(frozen=True, slots=True)
class Listing:
    """A kind of documents: the field of its time, how a document becomes a row, and the row's columns."""

    name: str
    time_field: str
    row: Callable[[Mapping[str, object]], Row]
    columns: tuple[str, ...]


LISTED_EXECUTIONS = Listing(EXECUTIONS, "at_ms", execution_row, EXECUTION_COLUMNS)
LISTED_CONVERSATIONS = Listing(
    CONVERSATIONS, "listed.began_ms", lambda body: conversation_row(read_rollup(body)), CONVERSATION_COLUMNS
)


class Listed(BaseModel):
    """A page. `next_cursor` leads to the next one, with the same question; null: there is none."""

    model_config = ConfigDict(frozen=True)
    rows: list[dict[str, str | int | bool | None]] = Field(description="The newest first; times are Unix milliseconds.")
    next_cursor: str | None
    from_ms: int
    to_ms: int
    as_of_seq: int = Field(description="Everything up to this sequence of the log is counted.")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which documents of which tenant."""

    tenant: str
    filters: Mapping[str, Scalar | None]

    def where(self, listing: Listing, place: Place) -> list[Condition]:
        """For the store. The order is that of the cursor's fingerprint."""
        named = [Equal(name, value) for name, value in self.filters.items() if value is not None]
        return [Equal("tenant", self.tenant), Between(listing.time_field, place.from_ms, place.to_ms), *named]


def asked_executions(
    caller: Analyst,
    *,
    tenant: TenantFilter = None,
    workflow: WorkflowFilter = None,
    ended: Ended = None,
    handed_over: HandedOver = None,
) -> Asked:
    """A parameter of routes. A sink is what hands over."""
    sink = None if handed_over is None else "HANDOVER" if handed_over else "FINISH"
    return Asked(one_tenant(caller, tenant), {"workflow": workflow, "ended": ended, "sink": sink})


def asked_conversations(
    caller: Analyst,
    *,
    tenant: TenantFilter = None,
    workflow: WorkflowFilter = None,
    handed_over: HandedOver = None,
    resolution: Resolution = None,
) -> Asked:
    """A parameter of routes. The workflow is the one that ran most often in it."""
    label = None if workflow is None else label_of(workflow)
    named = {"workflow": label, "handed_over": handed_over, "resolution": resolution}
    return Asked(one_tenant(caller, tenant), {f"listed.{name}": value for name, value in named.items()})


AskedExecutions = Annotated[Asked, Depends(asked_executions)]
AskedConversations = Annotated[Asked, Depends(asked_conversations)]


def list_routes(desk: Desk) -> APIRouter:
    """/v1/executions and /v1/conversations."""
    router = APIRouter(prefix="/v1", tags=["lists"])

    @router.get("/executions", response_model=Listed)
    async def executions(
        asked: AskedExecutions, *, from_: From = None, to: To = None, limit: Limit = 50, cursor: PageCursor = None
    ) -> JSONResponse:
        """Executions that ended in a period (the last 24 hours), the newest first."""
        place = place_of(from_, to, cursor, now_ms=desk.now_ms())
        return await _page(desk, LISTED_EXECUTIONS, asked, place, limit=limit)

    @router.get("/conversations", response_model=Listed)
    async def conversations(
        asked: AskedConversations, *, from_: From = None, to: To = None, limit: Limit = 50, cursor: PageCursor = None
    ) -> JSONResponse:
        """Conversations that began in a period (the last 24 hours), the newest first; nothing that was said."""
        place = place_of(from_, to, cursor, now_ms=desk.now_ms())
        return await _page(desk, LISTED_CONVERSATIONS, asked, place, limit=limit)

    return router


async def _page(desk: Desk, listing: Listing, asked: Asked, place: Place, *, limit: int) -> JSONResponse:
    settled = await desk.read_settled()
    page = await desk.store.listed(
        listing.name, asked.where(listing, place), sort=Sort(listing.time_field, Direction.DESCENDING),
        limit=limit, cursor=place.inner,
    )  # fmt: skip
    rows = [listing.row(document.body) for document in page.documents]
    body = Listed(
        rows=rows,
        next_cursor=place.cursor(page.next_cursor),
        from_ms=place.from_ms,
        to_ms=place.to_ms,
        as_of_seq=settled.floor,
    )
    return JSONResponse(body.model_dump())


def one_tenant(caller: Caller, tenant: str | None) -> str:
    """Lists are of one tenant, so that an index has them in their order."""
    seen = caller.narrowed(frozenset() if tenant is None else frozenset({tenant}))
    if seen is None or len(seen) != 1:
        raise InvalidQuery("tenant: name one; your token sees several, and a list is of one tenant")
    return next(iter(seen))
