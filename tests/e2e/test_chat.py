"""A customer chats over HTTP with the whole system, and the example program does."""

import sys
from pathlib import Path

import aiohttp
import pytest
from tests.support.chat_kit import customer
from tests.support.programs import Ended, run_program

from hil.embedded.endpoints import read_endpoints
from hil.embedded.plan import AllInThisProcess, ReplayModel, StackPlan
from hil.embedded.stack import running_stack
from orchestrator.adapters.workflow_registry import opened
from service_kit.connection import connected

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/chat_client/chat.py"


@pytest.mark.slow
async def test_a_customer_writes_over_http_and_the_ai_answers(tmp_path: Path) -> None:
    plan = StackPlan(tmp_path, layout=AllInThisProcess(), model=ReplayModel())
    async with running_stack(plan, lambda _: None) as stack:
        async with connected(stack.endpoints["nats"], service="test") as bus, opened(bus) as registry:
            source = (ROOT / "workflows/first.yaml").read_bytes()
            workflow = await registry.publish_as_default(source, tenant="acme", file_name="first.yaml")
            await registry.set_route("acme", workflow.name)
        base = read_endpoints(plan.data_dir)["hil_inbox_chat"]
        async with aiohttp.ClientSession(base) as http:
            ada = await customer(http)
            async with ada.feed() as feed:
                await ada.write("Do you repair brakes?")
                answer = await feed.until("message", author="ai")
            assert (answer["text"], answer["replayed"]) == ("Do you repair brakes?", True)
            async with http.get("/chat") as page:
                assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
        ended = await run_program(sys.executable, str(EXAMPLE), base, "Hello ö")
        assert ended == Ended(0, "Hello ö\n", "")
