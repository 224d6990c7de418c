"""How are an entity's accounts connected, listed and disconnected over HTTP?"""

from typing import Annotated

from fastapi import APIRouter, FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from tool_runner.adapters.vault.open_vault import CALLBACK_PATH
from tool_runner.adapters.vault.vault import Vault
from tool_runner.api.connect_answers import UNSEEN, add_error_answers, read_key, said, time_of
from tool_runner.domain.accounts import Account, App
from tool_runner.domain.oauth import Callback, CallbackRefused

AppName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Tenant = Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Entity = Annotated[str, Query(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=8_192)]
Brought = Annotated[str | None, Query(max_length=16_384)]


def add_connect_api(app: FastAPI, vault: Vault) -> None:
    """Add `/v1/connections` and the OAuth callback."""
    add_error_answers(app)
    app.include_router(_connecting(vault))
    app.include_router(_looking_after(vault))
    app.include_router(_coming_back(vault))


def _connecting(vault: Vault) -> APIRouter:
    router = APIRouter()

    @router.post("/v1/connections/{name}")
    async def start(name: AppName, tenant: Tenant, entity: Entity) -> JSONResponse:
        """Where the owner of the account agrees; the address is good once, for ten minutes, and for its owner alone."""
        declared = _declared(vault, name)
        if declared.oauth is None:
            raise HTTPException(409, f"{name} works with static keys: PUT one")
        started = await vault.start(Account(tenant, entity, name), declared.oauth)
        body = {"app": name, "authorization_url": started.url, "expires_at": time_of(started.expires_at_ms)}
        return JSONResponse(body, headers=UNSEEN)

    @router.put("/v1/connections/{name}")
    async def keep(name: AppName, tenant: Tenant, entity: Entity, request: Request) -> JSONResponse:
        """Connect an account of an app that works with static keys."""
        if _declared(vault, name).oauth is not None:
            raise HTTPException(409, f"{name} works with OAuth: POST, and let the owner open the address")
        key = await read_key(request)
        return JSONResponse(said(await vault.keep_key(Account(tenant, entity, name), key)), headers=UNSEEN)

    return router


def _looking_after(vault: Vault) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/connections")
    async def listed(
        tenant: Tenant, entity: Entity | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> JSONResponse:
        """Accounts of a tenant, or of one entity."""
        found, following = await vault.records.listed(tenant, entity=entity, limit=limit, cursor=cursor)
        return JSONResponse({"connections": [said(one) for one in found], "next_cursor": following})

    @router.delete("/v1/connections/{name}")
    async def disconnect(name: AppName, tenant: Tenant, entity: Entity) -> JSONResponse:
        """Use the account no more, and have its tokens made void. Accounts of apps that the manifest has lost, too."""
        gone = await vault.disconnect(Account(tenant, entity, name))
        if gone is None:
            raise HTTPException(404, f"{entity[:140]!r} has no account at {name}")
        if gone.unconfirmed is None:
            return JSONResponse({"app": name, "state": "forgotten"})
        detail = f"the account is not used any more, but its server did not revoke it: {gone.unconfirmed}; ask again"
        return JSONResponse({"error": "not_revoked", "detail": detail}, status_code=502)

    return router


def _coming_back(vault: Vault) -> APIRouter:
    router = APIRouter()

    @router.get(f"{CALLBACK_PATH}/{{name}}")
    async def callback(
        name: AppName, *, state: Brought = None, code: Brought = None, error: Brought = None, iss: Brought = None
    ) -> PlainTextResponse:
        """Where an app's server sends the owner's browser: all that is believed is what fits to the state."""
        ended = await vault.finish(name, state or "", Callback(code, error, iss))
        if isinstance(ended, CallbackRefused):
            return PlainTextResponse(f"Not connected: {ended.reason}\n", status_code=400, headers=UNSEEN)
        return PlainTextResponse(_page(ended.account), headers=UNSEEN)

    return router


def _page(account: Account) -> str:
    """It names whose calls will be made with the account: who opened an address that somebody sent them sees it."""
    whose = f"calls for {account.entity} ({account.tenant}) are made with it"
    back = f"take the permission back at {account.app} at once"
    return f"The account at {account.app} is connected, and {whose}.\nIf that is not you, {back}.\n"


def _declared(vault: Vault, name: str) -> App:
    declared = vault.apps.get(name)
    if declared is None:
        known = ", ".join(sorted(vault.apps)[:20])
        raise HTTPException(404, f"the manifest declares no app {name!r}; it declares: {known}")
    return declared
