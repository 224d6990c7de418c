"""How do people see how often the semantic cache was wrong, and switch a part of it on again?"""

import dataclasses
from collections.abc import Awaitable
from typing import Annotated, TypeVar

from fastapi import Depends, FastAPI, HTTPException, Path
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from llm_gateway.adapters.api_keys import ALL_TENANTS, KeyEntry
from llm_gateway.adapters.semantic_standing import load_standings, switch_on
from llm_gateway.handlers.gateway import Gateway

Tenant = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Found = TypeVar("Found")
Partition = Annotated[str, Path(pattern=r"^[0-9a-f]{40}$")]


class CachePartition(BaseModel):
    """Questions that may share answers: those of one profile, prompt, knowledge version and locale."""

    partition: str
    profile: str
    knowledge_version: str
    locale: str
    questions: int = Field(description="Known questions, 1,000 at most.")
    hits: int = Field(description="Questions that an answer was found for by meaning, those of the sample too.")
    verified: int = Field(description="Of these, how many the model was asked as well: the last 200.")
    differs: int = Field(description="Of the verified, how many the model answered otherwise.")
    error_rate: float | None = Field(description="differs / verified; null where nothing is verified.")
    switched_off: bool = Field(description="Too many differed: it answers nothing until it is switched on.")


def add_cache(app: FastAPI, gateway: Gateway, admin: object) -> None:
    """The routes under `/admin/cache`."""
    Admin = Annotated[KeyEntry, Depends(admin)]  # noqa: N806 - a type

    @app.get("/admin/cache/{tenant}")
    async def list_cache_partitions(tenant: Tenant, caller: Admin) -> list[CachePartition]:
        """Partitions of the semantic cache, 200 at most, the one that learnt last first."""
        check_tenant(caller, tenant)
        standings = await _reached(load_standings(gateway.cache.redis, tenant))
        return [
            CachePartition(
                **dataclasses.asdict(one), error_rate=round(one.differs / one.verified, 4) if one.verified else None
            )
            for one in standings
        ]

    @app.post("/admin/cache/{tenant}/{partition}/switch-on", status_code=204)
    async def switch_cache_partition_on(tenant: Tenant, partition: Partition, caller: Admin) -> None:
        """Let a partition answer again; its verifications begin anew."""
        check_tenant(caller, tenant)
        if not await _reached(switch_on(gateway.cache.redis, tenant, partition)):
            raise HTTPException(404, f"tenant {tenant!r} has no partition {partition!r}; GET /admin/cache/{tenant}")


def check_tenant(caller: KeyEntry, tenant: str) -> None:
    """Raises HTTPException where the key is another tenant's."""
    if caller.tenant not in (ALL_TENANTS, tenant):
        raise HTTPException(403, f"key {caller.name!r} is for tenant {caller.tenant!r}, not for {tenant!r}")


async def _reached(asked: Awaitable[Found]) -> Found:
    try:
        return await asked
    except (RedisError, OSError) as error:
        raise HTTPException(503, f"Redis cannot be reached ({type(error).__name__}); ask again") from error
