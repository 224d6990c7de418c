"""Readiness knows of Redis before anybody wants to pay."""

import asyncio

from tests.support.start_servers import RedisServer
from tests.support.wait_until import wait_until

from cost_gate import connect_gate
from llm_gateway.adapters.gate_pulse import GatePulse


async def test_the_pulse_follows_redis_away_and_back(own_redis_server: RedisServer) -> None:
    redis, stop = connect_gate(own_redis_server.url, connections_max=2), asyncio.Event()
    pulse = GatePulse(redis)
    running = asyncio.create_task(pulse.run(stop))
    await wait_until(lambda: pulse.answers)
    own_redis_server.kill()
    await wait_until(lambda: not pulse.answers)
    own_redis_server.restart()
    await wait_until(lambda: pulse.answers)
    stop.set()
    await running
    await redis.aclose()
