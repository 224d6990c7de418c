"""Promises of workflows over HTTP: how they are kept, which alerts there are, and who asked for silence."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from analytics.adapters.alert_documents import AlertDocuments
from analytics.adapters.figure_store import FigureStore
from analytics.adapters.published_facts import PublishedFacts
from analytics.api.access import Admin, Analyst, seen_by, seen_of
from analytics.api.figures import ROLLUPS_MAX, TenantFilter, Token, WorkflowFilter
from analytics.domain.cells import DAY_MS, MINUTE_MS
from analytics.domain.error_budget import burn_down
from analytics.domain.judge_minute import bound_stretch
from analytics.domain.measurement import Measurement
from analytics.domain.rollup import Rollup
from analytics.domain.silences import Silence
from analytics.domain.slo_status import slo_status
from analytics.domain.watched_alert import KeptAlert, WatchedAlert
from analytics.handlers.read_promise import read_ratings, read_rollups
from contracts.objectives import Metric, Severity
from contracts.workflow_facts import WorkflowFacts
from document_store import Equal, VersionConflict
from document_store.protocol import Condition

SILENCE_DAYS_MAX = 30
SILENCE_EXAMPLE: dict[str, JsonValue] = {
    "workflow": "support",
    "ends": "2026-12-01T08:00:00Z",
    "by": "ana",
    "reason": "planned work on the shop",
}
Phases = Annotated[Literal["ok", "pending", "firing", "resolved", "no_data"] | None, Query()]


@dataclass(frozen=True, slots=True)
class PromiseDesk:
    """What the answers are made of."""

    figures: FigureStore
    alerts: AlertDocuments
    facts: PublishedFacts
    now_ms: Callable[[], int]


class SilenceAsked(BaseModel):
    """The webhook hears nothing of these alerts meanwhile; what is silenced is still judged and on the bus."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [SILENCE_EXAMPLE]})
    workflow: str = Field(min_length=1, max_length=128)
    slo: str | None = Field(None, min_length=1, max_length=128, description="Of any name if none.")
    severity: Severity | None = Field(None, description="Any if none.")
    starts: AwareDatetime | None = Field(None, description="RFC 3339; now if none.")
    ends: AwareDatetime
    by: str = Field(min_length=1, max_length=128, description="Who asks for it.")
    reason: str = Field(min_length=1, max_length=500)

    def silence(self, *, now_ms: int) -> Silence:
        """As the domain knows it."""
        starts_ms = now_ms if self.starts is None else int(self.starts.timestamp() * 1_000)
        return Silence(starts_ms, int(self.ends.timestamp() * 1_000), self.workflow, self.slo, self.severity)


def promise_routes(desk: PromiseDesk) -> APIRouter:
    """/v1/slos, /v1/alerts and /v1/silences."""
    router = APIRouter(prefix="/v1", tags=["promises"])

    @router.get("/slos")
    async def slos(caller: Analyst, tenant: TenantFilter = None, workflow: WorkflowFilter = None) -> JSONResponse:
        """How each promise is kept over its window, how much of its error budget is left, and its alerts. `holds`: null
        with fewer events than `minimum_events`."""
        tenants = caller.narrowed(frozenset() if tenant is None else frozenset({tenant}))
        seen = seen_of(tenants)
        promises = desk.facts.promises(await desk.figures.workflow_names(seen), tenants=tenants)
        asked = {pair: facts for pair, facts in promises.items() if workflow in (None, pair[1])}
        alerts = await desk.alerts.of([*seen, *_of_workflow(workflow)])
        shown = [row for (owner, _), facts in asked.items() for row in await _statuses(desk, owner, facts, alerts)]
        return JSONResponse({"slos": shown})

    @router.get("/slos/{tenant}/{workflow}/{slo}/burn-down")
    async def budget(caller: Analyst, tenant: Token, workflow: Token, slo: str) -> JSONResponse:
        """The share of the error budget that was left, from the begin of the window (1) to now."""
        caller.must_see(tenant)
        facts = desk.facts.of(tenant, workflow)
        objective = next((one for one in facts.slos.objectives if one.name == slo), None) if facts else None
        if facts is None or objective is None:
            detail = f"{tenant} has no workflow {workflow} with an objective {slo[:128]}"
            return JSONResponse({"error": "not_found", "detail": detail}, status_code=404)
        ends_ms = _last_minute(desk)
        rollups = await _rollups(desk, tenant, facts, ends_ms=ends_ms)
        if rollups is None:
            problem = f"the window of its promises holds more than {ROLLUPS_MAX} rollups; ask /v1/query for less"
            body = {"error": "invalid_request", "problems": [{"field": "workflow", "problem": problem}]}
            return JSONResponse(body, status_code=422)
        points = burn_down(objective.bound, rollups, from_ms=ends_ms - facts.slos.window_seconds * 1_000)
        return JSONResponse({"points": [asdict(one) for one in points], "window_seconds": facts.slos.window_seconds})

    @router.get("/alerts")
    async def alerts(
        caller: Analyst, tenant: TenantFilter = None, workflow: WorkflowFilter = None, phase: Phases = None
    ) -> JSONResponse:
        """Every alert with its phase; `routed` says whether the receiver was told that it fires."""
        kept = [one.alert for one in await desk.alerts.of([*seen_by(caller, tenant), *_of_workflow(workflow)])]
        shown = [one for one in kept if not one.is_withdrawn and phase in (None, one.state.phase)]
        return JSONResponse({"alerts": [_alert_row(one) for one in sorted(shown, key=lambda alert: alert.id)]})

    _add_silences(router, desk)
    return router


def _add_silences(router: APIRouter, desk: PromiseDesk) -> None:
    @router.get("/silences/{tenant}")
    async def silences(caller: Analyst, tenant: Token) -> JSONResponse:
        """Those that are not over."""
        caller.must_see(tenant)
        return JSONResponse({"silences": await desk.alerts.silence_bodies(tenant, now_ms=desk.now_ms())})

    @router.put("/silences/{tenant}/{silence_id}")
    async def silence(caller: Admin, tenant: Token, silence_id: Token, asked: SilenceAsked) -> JSONResponse:
        """Keep alerts from the webhook for some time; the id is the caller's, so that a repeat does no harm."""
        caller.must_see(tenant)
        now_ms = desk.now_ms()
        wanted = asked.silence(now_ms=now_ms)
        if not max(now_ms, wanted.starts_ms) < wanted.ends_ms <= now_ms + SILENCE_DAYS_MAX * DAY_MS:
            problem = f"{asked.ends.isoformat()} is not after now and the start, and within {SILENCE_DAYS_MAX} days"
            body = {"error": "invalid_request", "problems": [{"field": "ends", "problem": problem}]}
            return JSONResponse(body, status_code=422)
        try:
            await desk.alerts.add_silence(f"{tenant}/{silence_id}", tenant, wanted, by=asked.by, reason=asked.reason)
        except VersionConflict:
            detail = f"there is a silence {silence_id} already; end it, or take another id"
            return JSONResponse({"error": "exists", "detail": detail}, status_code=409)
        return JSONResponse({"id": f"{tenant}/{silence_id}", **asdict(wanted)}, status_code=201)

    @router.delete("/silences/{tenant}/{silence_id}")
    async def end_silence(caller: Admin, tenant: Token, silence_id: Token) -> JSONResponse:
        """It is over now."""
        caller.must_see(tenant)
        if await desk.alerts.end_silence(tenant, f"{tenant}/{silence_id}", now_ms=desk.now_ms()):
            return JSONResponse({"id": f"{tenant}/{silence_id}"})
        detail = f"{tenant} has no silence {silence_id}"
        return JSONResponse({"error": "not_found", "detail": detail}, status_code=404)


def _of_workflow(workflow: str | None) -> list[Condition]:
    return [] if workflow is None else [Equal("workflow", workflow)]


async def _statuses(
    desk: PromiseDesk, tenant: str, facts: WorkflowFacts, alerts: Sequence[KeptAlert]
) -> list[dict[str, object]]:
    slos, ends_ms = facts.slos, _last_minute(desk)
    rollups = await _rollups(desk, tenant, facts, ends_ms=ends_ms)
    ratings = await _ratings(desk, tenant, facts, ends_ms=ends_ms)
    asked = {"window_seconds": slos.window_seconds, "minimum_events": slos.minimum_events}
    named = {"tenant": tenant, "workflow": facts.workflow, "version": facts.version}
    own = [one.alert for one in alerts if (one.alert.tenant, one.alert.workflow) == (tenant, facts.workflow)]
    return [
        {
            **named,
            **asked,
            "has_too_many_figures": rollups is None,
            **asdict(slo_status(objective, rollups or [], ratings, **asked, ends_ms=ends_ms)),
            "alerts": [_alert_row(one) for one in own if one.slo == objective.name and not one.is_withdrawn],
        }
        for objective in slos.objectives
    ]


async def _ratings(desk: PromiseDesk, tenant: str, facts: WorkflowFacts, *, ends_ms: int) -> Measurement:
    """Nothing where no objective is about them, or where there are too many to look at."""
    is_asked = any(objective.bound.metric is Metric.CSAT for objective in facts.slos.objectives)
    window = bound_stretch(facts.slos.window_seconds, ends_ms=ends_ms)
    if not is_asked:
        return Measurement(None, 0)
    found = await read_ratings(desk.figures, tenant, facts.workflow, window, at_most=ROLLUPS_MAX)
    return found or Measurement(None, 0)


async def _rollups(desk: PromiseDesk, tenant: str, facts: WorkflowFacts, *, ends_ms: int) -> list[Rollup] | None:
    window = bound_stretch(facts.slos.window_seconds, ends_ms=ends_ms)
    return await read_rollups(desk.figures, tenant, facts.workflow, (window,), at_most=ROLLUPS_MAX)


def _last_minute(desk: PromiseDesk) -> int:
    """The end of the present minute: what is counted of it is shown."""
    return desk.now_ms() // MINUTE_MS * MINUTE_MS + MINUTE_MS


def _alert_row(alert: WatchedAlert) -> dict[str, object]:
    return {
        "id": alert.id,
        "tenant": alert.tenant,
        "workflow": alert.workflow,
        "slo": alert.slo,
        "severity": alert.severity,
        "kind": alert.kind,
        "condition": alert.condition,
        "phase": alert.state.phase.value,
        "since_ms": alert.state.since_ms or None,
        "firing_since_ms": alert.firing_since_ms,
        "judged_ms": alert.state.judged_ms,
        "routed": alert.state.told_firing,
    }
