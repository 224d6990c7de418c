"""Is the refusal of every kind of provider understood, whatever it calls its errors?"""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from llm_gateway.adapters.provider_client import Provider, Target, connect_providers
from llm_gateway.domain.answer import Trouble
from llm_gateway.domain.failure import ErrorClass

pytestmark = pytest.mark.asyncio
OPENAI = {"error": {"message": "…", "type": "invalid_request_error", "code": "context_length_exceeded"}}
LLAMA_CPP = {"error": {"code": 400, "message": "…", "type": "exceed_context_size_error", "n_ctx": 1024}}
BAD = {"error": {"code": None, "message": "the prompt of a customer", "type": "invalid_request_error"}}


@pytest.mark.parametrize(
    ("body", "error_class"),
    [
        (OPENAI, ErrorClass.CONTEXT_TOO_LONG),
        (LLAMA_CPP, ErrorClass.CONTEXT_TOO_LONG),
        (BAD, ErrorClass.INVALID_REQUEST),
        ({"error": "no"}, ErrorClass.INVALID_REQUEST),
    ],
)
async def test_a_request_beyond_the_window_is_told_from_a_wrong_one(
    body: dict[str, object], error_class: ErrorClass
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response(body, status=400)

    application = web.Application()
    application.router.add_post("/v1/chat/completions", refuse)
    async with TestServer(application) as server:
        client = connect_providers([Provider("p", str(server.make_url("/v1")), "")])
        outcome = await client.complete(Target("p", "m"), b"{}", timeout_seconds=10)
        await client.connections.aclose()
    assert isinstance(outcome, Trouble)
    assert outcome.error_class is error_class
    assert "customer" not in outcome.detail
