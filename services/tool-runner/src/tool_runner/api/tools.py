"""Which tools are there?"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fastapi import FastAPI
from pydantic import BaseModel, JsonValue

from contracts.tool_calls import ToolDescription
from tool_runner.domain.manifest import Tool
from tool_runner.domain.quarantine import Quarantined


class ListedServer(BaseModel):
    """One configured server; `available` while calls can be made at once."""

    name: str
    available: bool


class QuarantinedTool(BaseModel):
    """A tool that changed since it was blessed; `blessed` is empty for one that is new."""

    name: str
    version: str
    blessed: str = ""
    description: str = ""
    input_schema: dict[str, JsonValue] = {}
    output_schema: dict[str, JsonValue] | None = None


class ToolList(BaseModel):
    """Answer of GET /v1/tools."""

    tools: list[ToolDescription]
    servers: list[ListedServer]
    quarantined: list[QuarantinedTool] = []
    manifest_version: str = ""


@dataclass(frozen=True, slots=True)
class ToolsNow:
    """Where the answer is taken from."""

    tools: Callable[[], Iterable[Tool]]
    held: Callable[[], Iterable[Quarantined]]
    available: Callable[[], Mapping[str, bool]]
    manifest_version: str


def add_tools_api(app: FastAPI, now: ToolsNow) -> None:
    """Add `GET /v1/tools`: what may be called, hidden tools left out, and what waits to be blessed."""

    @app.get("/v1/tools")
    async def list_tools() -> ToolList:
        return ToolList(
            tools=[tool.description_for_models() for tool in now.tools()],
            servers=[ListedServer(name=name, available=is_up) for name, is_up in sorted(now.available().items())],
            quarantined=[_of(one) for one in now.held()],
            manifest_version=now.manifest_version,
        )


def _of(one: Quarantined) -> QuarantinedTool:
    listed = one.listed
    return QuarantinedTool(
        name=one.name,
        version=listed.version,
        blessed=one.blessed or "",
        description=listed.description,
        input_schema=dict(listed.input_schema),
        output_schema=None if listed.output_schema is None else dict(listed.output_schema),
    )
