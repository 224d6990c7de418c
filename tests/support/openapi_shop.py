"""Which HTTP API with an OpenAPI document tells what it got, and misbehaves when asked to?"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.remote_mcp import served

PARAMETER = {"in": "query", "name": "page", "schema": {"type": "integer"}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "shop", "version": "1"},
    "servers": [{"url": "https://elsewhere.example"}],
    "paths": {
        "/orders/{order_id}": {
            "parameters": [{"in": "path", "name": "order_id", "required": True, "schema": {"type": "string"}}],
            "get": {
                "operationId": "getOrder",
                "summary": "One order.",
                "parameters": [
                    {"in": "query", "name": "fields", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"in": "query", "name": "tags", "explode": False, "schema": {"type": "array"}},
                    {"in": "query", "name": "filter", "style": "deepObject", "schema": {"type": "object"}},
                    {"in": "header", "name": "X-Locale", "schema": {"type": "string"}},
                    {"in": "header", "name": "X-Api-Key", "required": True, "schema": {"type": "string"}},
                    {"$ref": "#/components/parameters/Page"},
                ],
            },
            "post": {
                "operationId": "change order!",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}},
                },
            },
        },
        "/files/{name}": {"get": {"operationId": "undescribed"}},
        "/session": {
            "get": {
                "operationId": "withCookie",
                "parameters": [{"in": "cookie", "name": "sid", "required": True, "schema": {}}],
            }
        },
        "/../admin": {"get": {"operationId": "climbs"}},
    },
    "components": {
        "parameters": {"Page": PARAMETER},
        "schemas": {
            "Change": {
                "type": "object",
                "required": ["amount"],
                "properties": {
                    "amount": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                    "note": {"type": "string", "nullable": True},
                    "then": {"$ref": "#/components/schemas/Change"},
                },
            }
        },
    },
}


@dataclass
class OpenApiShop:
    """`got` is what came in, as it came: (method, raw path with query, headers, body)."""

    base_url: str = ""
    got: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    misbehaviour: str = ""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    who: Callable[[Mapping[str, str]], str | None] = lambda headers: ""
    """Who calls with these headers; None is refused with 401."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((request.method, request.raw_path, headers, await request.read()))
        if (entity := self.who(request.headers)) is None:
            return web.Response(status=401)
        match self.misbehaviour:
            case "hang":
                await self.released.wait()
            case "break":
                assert request.transport is not None
                request.transport.abort()
            case "flood":
                return web.Response(body=b"x" * 2_000_000)
            case "nonsense":
                return web.Response(text="{", content_type="application/json")
            case "picture":
                return web.Response(body=b"\xff\xfe", content_type="image/png")
            case "redirect":
                return web.Response(status=302, headers={"location": "http://127.0.0.2:1/"})
            case status if status.isdigit():
                return web.json_response({"reason": "so"}, status=int(status))
        response = web.json_response({"ok": True} | ({"for": entity} if entity else {}))
        response.set_cookie("sid", "of-the-first-caller")
        return response


@asynccontextmanager
async def openapi_shop() -> AsyncIterator[OpenApiShop]:
    """Served in this event loop, below /v1."""
    shop = OpenApiShop()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", shop.handle)
    async with served(app) as base_url:
        shop.base_url = f"{base_url}/v1"
        try:
            yield shop
        finally:
            shop.released.set()
