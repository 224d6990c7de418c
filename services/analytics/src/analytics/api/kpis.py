"""KPIs over HTTP: what a period was worth, and how it differs from the one before or from another version."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from analytics.api.access import Analyst, seen_by
from analytics.api.figures import ROLLUPS_MAX, Desk, period
from analytics.domain.bootstrap import Pairing
from analytics.domain.kpi_blocks import BaselineOf, Scope, block_of, blocks_of
from analytics.domain.kpi_figures import Difference, KpiFigures, differences, kpi_figures
from analytics.domain.rollup import Rollup
from contracts.kpis import HandlingBaseline
from document_store import Equal
from document_store.protocol import Condition

TENANT = r"^[A-Za-z0-9_-]{1,128}$"


class Asked(BaseModel):
    """Which period, of what, and what to compare it with."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tenant: str | None = Field(None, pattern=TENANT)
    workflow: str | None = Field(None, min_length=1, max_length=128)
    version: str | None = Field(None, min_length=1, max_length=64, description="Of the workflow; all of them if none.")
    since: AwareDatetime | None = Field(None, alias="from", description="RFC 3339; 24 hours before `to` if none.")
    until: AwareDatetime | None = Field(None, alias="to", description="RFC 3339; now if none.")
    compare: Literal["previous_period"] | None = Field(
        None, description="With the period of the same length that ends at `from`."
    )
    compare_version: str | None = Field(None, min_length=1, max_length=64, description="With this version.")

    def scope(self, *, now_ms: int) -> Scope:
        """What is asked for."""
        from_ms, to_ms = period(self.since, self.until, now_ms=now_ms)
        return Scope(from_ms, to_ms, self.workflow, self.version)

    def other(self, scope: Scope) -> Scope | None:
        """What it is compared with, if anything."""
        if self.compare is None and self.compare_version is None:
            return None
        other = replace(scope, version=self.compare_version or scope.version)
        if self.compare is None:
            return other
        return replace(other, from_ms=scope.from_ms - (scope.to_ms - scope.from_ms), to_ms=scope.from_ms)


@dataclass(frozen=True, slots=True)
class KpiDesk:
    """The desk of figures, and against what they are measured."""

    desk: Desk
    baseline_of: BaselineOf


@dataclass(frozen=True, slots=True)
class Period:
    """Figures of one side."""

    from_ms: int
    to_ms: int
    version: str | None
    figures: KpiFigures


@dataclass(frozen=True, slots=True)
class Against:
    """The other side, and the rates of the first less its."""

    from_ms: int
    to_ms: int
    version: str | None
    figures: KpiFigures
    differences: dict[str, Difference]


@dataclass(frozen=True, slots=True)
class KpiAnswer:
    """Money is in micro-dollars, or in millionths of the currency that is named. `baseline` is null unless one tenant's
    workflow is asked for: each has its own. `is_complete` false: all is counted anew after a change of version, and
    events and ratings of before are not in yet."""

    workflow: str | None
    baseline: HandlingBaseline | None
    as_of_seq: int
    is_complete: bool
    period: Period
    against: Against | None


class TooMuch(ValueError):
    """The question would have to look at more than the limit; the text says what to ask instead."""


def kpi_routes(kpis: KpiDesk) -> APIRouter:
    """/v1/kpis."""
    router = APIRouter(prefix="/v1", tags=["kpis"])

    @router.get("/kpis", response_model=KpiAnswer)
    async def kpi(caller: Analyst, asked: Annotated[Asked, Query()]) -> JSONResponse:
        """Time and cost saved, revenue, events, CSAT of a period (default: the last 24 hours), with intervals of 95 %
        for one workflow; against the period before, another version, or both."""
        scope = asked.scope(now_ms=kpis.desk.now_ms())
        if scope.from_ms >= scope.to_ms:
            return _invalid("from", f"{scope.from_ms} ms is not before to ({scope.to_ms} ms)")
        if asked.workflow is None and (asked.version or asked.compare_version):
            return _invalid("version", "a version is one of a workflow; name the workflow too")
        try:
            return await _answered(kpis, asked, scope, seen_by(caller, asked.tenant))
        except TooMuch as error:
            return _invalid("from", str(error))

    return router


async def _answered(kpis: KpiDesk, asked: Asked, scope: Scope, seen: Sequence[Condition]) -> JSONResponse:
    settled, other = await kpis.desk.read_settled(), asked.other(scope)
    sides = [(scope, await _found(kpis, seen, scope))]
    if other is not None:
        is_same_time = other.from_ms == scope.from_ms
        sides.append((other, sides[0][1] if is_same_time else await _found(kpis, seen, other)))
    # In a thread: blocks are drawn a thousand times for each rate.
    shown, against = await asyncio.to_thread(_compared, kpis.baseline_of, sides)
    is_one = asked.tenant is not None and asked.workflow is not None
    baseline = kpis.baseline_of(asked.tenant or "", asked.workflow or "") if is_one else None
    return JSONResponse(
        jsonable_encoder(
            KpiAnswer(asked.workflow, baseline, settled.floor, kpis.desk.store.is_complete, shown, against)
        )
    )


def _compared(
    baseline_of: BaselineOf, sides: Sequence[tuple[Scope, Sequence[Rollup]]]
) -> tuple[Period, Against | None]:
    """Of one side, or of two."""
    (scope, blocks), *others = [
        (scope, blocks_of(scope, found, baseline_of, block_ms=block_of(scope)[0])) for scope, found in sides
    ]
    shown = Period(scope.from_ms, scope.to_ms, scope.version, kpi_figures(blocks))
    if not others:
        return shown, None
    [(other, before)] = others
    pairing = Pairing.SAME_TIME if other.from_ms == scope.from_ms else Pairing.OTHER_TIME
    differing = differences(blocks, before, pairing)
    return shown, Against(other.from_ms, other.to_ms, other.version, kpi_figures(before), differing)


async def _found(kpis: KpiDesk, seen: Sequence[Condition], scope: Scope) -> Sequence[Rollup]:
    """Raises TooMuch."""
    where = [*seen, *([] if scope.workflow is None else [Equal("workflow", scope.workflow)])]
    _, spans = block_of(scope)
    needed = ("tenant", "workflow", *(() if scope.version is None else ("version",)))
    executions = kpis.desk.store.coarsest("executions", needed)
    rollups = await kpis.desk.store.rollups(
        (executions, "worth"), where, from_ms=scope.from_ms, to_ms=scope.to_ms, at_most=ROLLUPS_MAX, spans=spans
    )
    if len(rollups) > ROLLUPS_MAX:
        raise TooMuch(f"the period holds more than {ROLLUPS_MAX} rollups; ask for less, or for one tenant and workflow")
    return rollups


def _invalid(field: str, problem: str) -> JSONResponse:
    body = {"error": "invalid_request", "problems": [{"field": field, "problem": problem}]}
    return JSONResponse(body, status_code=422)
