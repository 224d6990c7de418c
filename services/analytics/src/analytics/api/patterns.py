"""Failure patterns over HTTP: which nodes meet an error far more often than they use to, or did?"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from analytics.adapters.pattern_documents import PatternDocuments
from analytics.api.access import Analyst, seen_by
from document_store import Equal


class Asked(BaseModel):
    """Which patterns; all of them if nothing is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tenant: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,128}$")
    workflow: str | None = Field(None, min_length=1, max_length=128)
    is_open: bool | None = Field(None, description="Only those that go on, or only those that are over.")
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=8_192)


def pattern_routes(patterns: PatternDocuments) -> APIRouter:
    """/v1/patterns."""
    router = APIRouter(prefix="/v1", tags=["patterns"])

    @router.get("/patterns")
    async def listed(caller: Analyst, asked: Annotated[Asked, Query()]) -> JSONResponse:
        """The last episode of each node and error class, the newest first, with examples: keys of executions."""
        named = {"workflow": asked.workflow, "is_open": asked.is_open}
        where = [Equal(name, value) for name, value in named.items() if value is not None]
        page = await patterns.page([*seen_by(caller, asked.tenant), *where], limit=asked.limit, cursor=asked.cursor)
        return JSONResponse({"patterns": [one.body for one in page.documents], "next_cursor": page.next_cursor})

    return router
