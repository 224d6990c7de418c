"""Conversations by words, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from hil_inbox.adapters.view_store import ViewStore
from hil_inbox.adapters.word_index import Keys, WordIndex
from hil_inbox.api.principal import Who
from hil_inbox.domain.search_words import ASKED_WORDS_MAX, words_of

HITS_MAX = 50
SHOWN = ("customer", "owner_id", "handover_id", "last_author", "last_text", "last_ms", "is_closed")
Asked = Annotated[str, Query(min_length=1, max_length=200, description="Words; the last one may be a beginning.")]


def search_routes(index: WordIndex, views: ViewStore) -> APIRouter:
    """/v1/search."""
    router = APIRouter(prefix="/v1/search", tags=["search"])

    @router.get("")
    async def search(q: Asked, who: Who) -> JSONResponse:
        """Conversations of the tenant with all of these words, newest first. `is_cut` says that a word was too common:
        of each the newest thousand conversations are looked at, and 50 are shown."""
        words = words_of(q, at_most=ASKED_WORDS_MAX)
        found = await _found(index, who.tenant, words)
        keys = sorted(found.at_ms, key=lambda key: (-found.at_ms[key], key))
        hits = []
        for key in keys[:HITS_MAX]:
            body = await views.get("conversations", f"{who.tenant}/{key}")
            hits.append({"key": key, **{name: body.get(name) for name in SHOWN}} if body else {"key": key})
        return JSONResponse({"hits": hits, "words": list(words), "is_cut": found.is_cut or len(keys) > HITS_MAX})

    return router


async def _found(index: WordIndex, tenant: str, words: tuple[str, ...]) -> Keys:
    if not words:
        return Keys({}, is_cut=False)
    lists = [await index.with_word(tenant, word) for word in words[:-1]]
    lists.append(await index.with_beginning(tenant, words[-1]))
    common = set.intersection(*(set(one.at_ms) for one in lists))
    newest = {key: max(one.at_ms[key] for one in lists) for key in common}
    return Keys(newest, any(one.is_cut for one in lists))
