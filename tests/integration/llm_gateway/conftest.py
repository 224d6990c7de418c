"""How does a test of the gateway get one?"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.integration.llm_gateway.gateway_kit import Bench, bench
from tests.support.start_servers import NatsServer, RedisServer

from hil.replay_model import Rule

StartBench = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture
def start_bench(nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path) -> StartBench:
    """`async with start_bench(rules...) as bench`."""

    @asynccontextmanager
    async def start(*rules: Rule, **settings: Any) -> AsyncIterator[Bench]:
        redis_url = settings.pop("redis_url", redis_server.url)
        async with bench(nats_server.url, redis_url, tmp_path, *rules, **settings) as started:
            yield started

    return start
