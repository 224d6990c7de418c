"""How do people look after budgets, breakers, models and the cache?"""

from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from contracts.budgets import BudgetRaised
from contracts.envelope import Identity, derive_message_id
from cost_gate import AMOUNT_MICRODOLLARS_MAX, GateClosed, Window, scope_of
from cost_ledger import EVERY, Caps, ScopeName, WindowName
from llm_gateway.adapters.api_keys import ALL_TENANTS, ApiKeys, KeyEntry
from llm_gateway.api.admin_cache import Tenant, add_cache, check_tenant
from llm_gateway.api.errors import GATE_CLOSED, ApiError
from llm_gateway.handlers.gateway import Gateway
from service_kit.errors import RetryLater

_CODES = {401: "invalid_api_key", 404: "not_found", 405: "method_not_allowed"}
Micro = Annotated[int, Field(strict=True, ge=0, le=AMOUNT_MICRODOLLARS_MAX)]
ScopeId = Annotated[str, Path(min_length=1, max_length=256)]


class CapsToSet(BaseModel):
    """Caps in micro-dollars by window. `null` says that the window is uncapped, explicitly; an absent one says nothing;
    0 refuses everything."""

    model_config = ConfigDict(extra="forbid")
    caps: dict[WindowName, Micro | None] = Field(min_length=1)


class WindowBudget(BaseModel):
    """All in micro-dollars; spent and held are those of the current window, and unknown for `*`."""

    window: WindowName
    cap_microdollars: int | None
    spent_microdollars: int | None = None
    held_microdollars: int | None = None


class Budget(BaseModel):
    """The caps of one scope. Its id `*` means each that has no cap of its own."""

    tenant: str
    scope: str
    scope_id: str
    windows: list[WindowBudget]


class BreakerState(BaseModel):
    model: str
    condition: Literal["closed", "open", "half_open"]
    ok: int
    slow: int
    failed: int
    until_seconds: float = Field(description="When an open breaker lets a probe through, seconds since 1970 UTC.")


class ModelState(BaseModel):
    """Prices are micro-dollars per million tokens."""

    model: str
    provider: str
    kind: str
    price_input: int
    price_cached: int
    price_output: int
    context_tokens_max: int
    output_tokens_max: int
    capabilities: list[str]
    profiles: list[str]
    breaker: str


def admin_app(gateway: Gateway, keys: ApiKeys) -> FastAPI:
    """The application, with its OpenAPI document at `/openapi.json`. Every route needs a key with the scope `admin`."""
    app = FastAPI(title="llm-gateway", description="Administration of the LLM gateway.")

    def admin(authorization: Annotated[str, Header()] = "") -> KeyEntry:
        caller = keys.caller(authorization)
        if caller is None:
            raise HTTPException(401, "send `Authorization: Bearer <key>` with a key made by `hil llm key create`")
        if "admin" not in caller.scopes:
            raise HTTPException(403, f"key {caller.name!r} lacks the scope admin")
        return caller

    _add_budgets(app, gateway, admin)
    _add_breakers_and_models(app, gateway, admin)
    add_cache(app, gateway, admin)
    _add_errors(app)
    return app


def _add_errors(app: FastAPI) -> None:
    """Refusals look as those of `/v1` do. What was sent is not repeated: it may be what no answer can hold."""

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> Response:
        said = [f"{'.'.join(map(str, one['loc']))[:200]}: {one['msg'][:200]}" for one in error.errors()[:5]]
        return _response(ApiError(422, "; ".join(said), code="invalid_value"))

    @app.exception_handler(StarletteHTTPException)
    async def refused(_: Request, error: StarletteHTTPException) -> Response:
        kind = "permission_error" if error.status_code == 403 else "invalid_request_error"
        return _response(ApiError(error.status_code, str(error.detail), kind, code=_CODES.get(error.status_code)))

    @app.exception_handler(GateClosed)
    async def closed(_: Request, error: GateClosed) -> Response:
        return _response(GATE_CLOSED)

    @app.exception_handler(RetryLater)
    async def later(_: Request, error: RetryLater) -> Response:
        return _response(ApiError(503, f"{error}; ask again", "api_error", code="unavailable", retry_after_seconds=1.0))


def _response(error: ApiError) -> Response:
    headers = {name.decode(): value.decode() for name, value in error.headers}
    return Response(error.body, error.status, headers, media_type="application/json")


def _add_budgets(app: FastAPI, gateway: Gateway, admin: object) -> None:
    Admin = Annotated[KeyEntry, Depends(admin)]  # noqa: N806 - a type

    @app.get("/admin/budgets")
    async def list_budgets(caller: Admin) -> list[Budget]:
        """All caps that this key may see, with what is spent of them."""
        mine = [key for key in gateway.budgets.budgets() if caller.tenant in (ALL_TENANTS, key[0])]
        return [await _budget(gateway, key) for key in sorted(mine)[:10_000]]

    @app.put("/admin/budgets/{tenant}/{scope}/{scope_id:path}")
    async def set_budget(
        tenant: Tenant, scope: ScopeName, scope_id: ScopeId, *, wanted: CapsToSet, caller: Admin
    ) -> Budget:
        """Put caps in force, instead of all that the scope had. Calls made from now on count against them."""
        check_tenant(caller, tenant)
        key = (tenant, str(scope), scope_id)
        caps: Caps = {str(window): cap for window, cap in wanted.caps.items()}
        await gateway.budgets.set_caps(key, caps)
        await _tell(gateway, key, caps)
        return await _budget(gateway, key)

    @app.delete("/admin/budgets/{tenant}/{scope}/{scope_id:path}", status_code=204)
    async def remove_budget(tenant: Tenant, scope: ScopeName, scope_id: ScopeId, caller: Admin) -> None:
        """Take the caps of a scope out of force."""
        check_tenant(caller, tenant)
        await gateway.budgets.remove((tenant, str(scope), scope_id))


def _add_breakers_and_models(app: FastAPI, gateway: Gateway, admin: object) -> None:
    Admin = Annotated[KeyEntry, Depends(admin)]  # noqa: N806 - a type

    @app.get("/admin/breakers")
    async def list_breakers(caller: Admin) -> list[BreakerState]:
        """Every model's breaker, as all replicas see it."""
        return [
            BreakerState(
                model=name,
                condition=breaker.condition.value,
                ok=breaker.ok,
                slow=breaker.slow,
                failed=breaker.failed,
                until_seconds=breaker.until,
            )
            for name, breaker in gateway.board.snapshot().items()
        ]

    @app.post("/admin/breakers/{model}/reset", status_code=204)
    async def reset_breaker(model: str, caller: Admin) -> None:
        """Close a breaker by hand. All tenants share it, so that it takes a key for all of them."""
        check_tenant(caller, ALL_TENANTS)
        if model not in gateway.table.models:
            raise HTTPException(404, f"model {model[:100]!r} is not one of: {', '.join(gateway.table.models)}")
        await gateway.board.reset(model)

    @app.get("/admin/models")
    async def list_models(caller: Admin) -> list[ModelState]:
        """Every model with its price and state."""
        breakers = gateway.board.snapshot()
        return [
            ModelState(
                model=name,
                provider=model.provider,
                kind=model.kind.value,
                price_input=model.price.input,
                price_cached=model.price.cached,
                price_output=model.price.output,
                context_tokens_max=model.context_tokens_max,
                output_tokens_max=model.output_tokens_max,
                capabilities=sorted(model.capabilities),
                profiles=[profile for profile, names in gateway.table.profiles.items() if name in names],
                breaker=breakers[name].condition.value,
            )
            for name, model in gateway.table.models.items()
        ]


async def _budget(gateway: Gateway, key: tuple[str, str, str]) -> Budget:
    tenant, scope, scope_id = key
    windows = []
    for window, cap in sorted(gateway.budgets.budgets().get(key, {}).items()):
        spent = held = None
        if scope_id != EVERY:
            counted = scope_of(tenant, scope, scope_id, cap_microdollars=cap, window=Window(window))
            balance = await gateway.gate.load_balance(counted, now=gateway.now())
            spent, held = balance.spent_microdollars, balance.held_microdollars
        windows.append(
            WindowBudget(window=window, cap_microdollars=cap, spent_microdollars=spent, held_microdollars=held)
        )
    return Budget(tenant=tenant, scope=scope, scope_id=scope_id, windows=windows)


async def _tell(gateway: Gateway, key: tuple[str, str, str], caps: Caps) -> None:
    """People who wait for a higher cap hear of it."""
    tenant, scope, scope_id = key
    now = gateway.now()
    for window, cap in caps.items():
        fact = BudgetRaised(scope=scope, scope_id=f"{tenant}/{scope_id}", window=window, cap_microdollars=cap)
        cause = f"{scope}:{scope_id}:{window}:{cap}:{now.timestamp()}"
        identity = Identity(tenant, f"costs-{now:%Y-%m-%d}", derive_message_id(cause, fact.route.type), cause)
        await gateway.publish(fact, identity)
