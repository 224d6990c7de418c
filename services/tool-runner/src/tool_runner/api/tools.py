"""Which tools are there?"""

from collections.abc import Callable, Mapping

from fastapi import FastAPI
from pydantic import BaseModel

from contracts.tool_calls import ToolDescription


class ListedServer(BaseModel):
    """One configured server; `available` while calls can be made at once."""

    name: str
    available: bool


class ToolList(BaseModel):
    """Answer of GET /v1/tools."""

    tools: list[ToolDescription]
    servers: list[ListedServer]


def add_tools_api(
    app: FastAPI, tools: Callable[[], list[ToolDescription]], available: Callable[[], Mapping[str, bool]]
) -> None:
    """Add `GET /v1/tools`: what may be called, hidden tools left out."""

    @app.get("/v1/tools")
    async def list_tools() -> ToolList:
        servers = [ListedServer(name=name, available=is_up) for name, is_up in sorted(available().items())]
        return ToolList(tools=tools(), servers=servers)
