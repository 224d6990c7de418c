"""Funnels over HTTP: of the conversations of a period, how many took each step after the one before?"""

import asyncio
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, field_validator

from analytics.adapters.rollup_documents import read_moments
from analytics.api.access import Analyst
from analytics.api.figures import Desk
from analytics.api.lists import LISTED_CONVERSATIONS, asked_conversations
from analytics.api.page_cursor import place_of
from analytics.domain.funnel import Step, funnel
from document_store import InvalidQuery, Sort
from document_store.protocol import Condition

CONVERSATIONS_MAX = 20_000
PAGE_CONVERSATIONS = 1_000
EXAMPLE: dict[str, JsonValue] = {
    "tenant": "acme",
    "workflow": "support",
    "steps": ["customer_wrote", "handed_over", "claimed", "resolved"],
}


class FunnelAsked(BaseModel):
    """Steps in their order, each once."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [EXAMPLE]})
    steps: list[Step] = Field(min_length=2, max_length=8)
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")] | None = Field(
        None, description="Needed where the token sees several."
    )
    workflow: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    since: AwareDatetime | None = Field(None, alias="from", description="RFC 3339; 24 hours ago if none.")
    until: AwareDatetime | None = Field(None, alias="to", description="RFC 3339; now if none.")

    @field_validator("steps")
    @classmethod
    def _are_different(cls, steps: list[Step]) -> list[Step]:
        if len(set(steps)) < len(steps):
            raise ValueError("each step may stand once")
        return steps


def funnel_routes(desk: Desk) -> APIRouter:
    """/v1/funnels."""
    router = APIRouter(prefix="/v1", tags=["query"])

    @router.post("/funnels")
    async def funnels(caller: Analyst, asked: FunnelAsked) -> JSONResponse:
        """Conversations that began in the period, by how far they went; `median_ms` is since the step before."""
        wanted = asked_conversations(caller, tenant=asked.tenant, workflow=asked.workflow)
        place = place_of(asked.since, asked.until, None, now_ms=desk.now_ms())
        settled = await desk.read_settled()
        moments = await _moments(desk, wanted.where(LISTED_CONVERSATIONS, place))
        taken = await asyncio.to_thread(funnel, asked.steps, moments)
        period = {"from_ms": place.from_ms, "to_ms": place.to_ms}
        return JSONResponse({"steps": [asdict(step) for step in taken], **period, "as_of_seq": settled.floor})

    return router


async def _moments(desk: Desk, where: list[Condition]) -> list[dict[str, int]]:
    """Of each conversation. Raises InvalidQuery where there are too many."""
    found: list[dict[str, int]] = []
    name, in_order = LISTED_CONVERSATIONS.name, Sort(LISTED_CONVERSATIONS.time_field)
    async for documents in desk.store.all_listed(name, where, sort=in_order, size=PAGE_CONVERSATIONS):
        found += [read_moments(document.body) for document in documents]
        if len(found) > CONVERSATIONS_MAX:
            raise InvalidQuery(
                f"from: the period holds more than {CONVERSATIONS_MAX} conversations; ask for a shorter one"
            )
    return found
