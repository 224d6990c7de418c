"""A person's own filters of the queue, over HTTP."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from hil_inbox.adapters.saved_views import SavedViews, SavedViewStore
from hil_inbox.api.principal import Who


def saved_view_routes(saved: SavedViewStore) -> APIRouter:
    """/v1/me/views."""
    router = APIRouter(prefix="/v1/me/views", tags=["me"])

    @router.get("")
    async def read_views(who: Who) -> JSONResponse:
        """In the order in which they are shown."""
        return JSONResponse((await saved.get(who.tenant, who.actor_id)).model_dump(mode="json"))

    @router.put("")
    async def keep_views(body: SavedViews, who: Who) -> JSONResponse:
        """Keep these, 20 at most, instead of what was kept."""
        await saved.put(who.tenant, who.actor_id, body)
        return JSONResponse(body.model_dump(mode="json"))

    return router
