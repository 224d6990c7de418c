"""Do administrators see how often the semantic cache was wrong, and can they switch a part of it on again?"""

from pathlib import Path
from typing import Any

import aiohttp
from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.test_http import TENANT, ask, client, http_gateway
from tests.support.start_servers import RedisServer

from hil.replay_model import Rule
from llm_gateway.adapters.semantic_verifications import VERIFIED_MIN

HEADERS = {"x-hil-cache": "semantic; ttl=600", "x-hil-knowledge-version": "v7"}


def question(text: str) -> dict[str, Any]:
    return ask(messages=[{"role": "user", "content": text}])


async def test_a_partition_that_was_wrong_is_shown_and_switched_on_again(
    start_bench: StartBench, tmp_path: Path, own_redis_server: RedisServer
) -> None:
    rules = [Rule(text=f"Answer {number}.") for number in range(VERIFIED_MIN + 1)]
    settings = {"cache_verify_share": 1.0, "redis_url": own_redis_server.url}
    async with (
        http_gateway(start_bench, tmp_path, *rules, **settings) as (_, url),
        client(url) as gateway,
        aiohttp.ClientSession(headers={"authorization": "Bearer all"}) as admin,
    ):
        for number in range(VERIFIED_MIN + 1):
            text = "How do I reset my password" + "?" * number
            await gateway.chat.completions.create(**question(text), extra_headers=HEADERS)
        async with admin.get(f"{url}/admin/cache/{TENANT}") as answer:
            [shown] = await answer.json()
        assert (shown["knowledge_version"], shown["hits"], shown["questions"]) == ("v7", VERIFIED_MIN, VERIFIED_MIN + 1)
        assert (shown["verified"], shown["differs"], shown["error_rate"]) == (VERIFIED_MIN, VERIFIED_MIN, 1.0)
        assert shown["switched_off"] is True
        switch = f"{url}/admin/cache/{TENANT}/{shown['partition']}/switch-on"
        async with admin.post(switch) as answer:
            assert answer.status == 204, await answer.text()
        async with admin.get(f"{url}/admin/cache/{TENANT}") as answer:
            [shown] = await answer.json()
        assert (shown["verified"], shown["error_rate"], shown["switched_off"]) == (0, None, False)


async def test_what_is_another_tenants_unknown_or_away_is_refused(
    start_bench: StartBench, tmp_path: Path, own_redis_server: RedisServer
) -> None:
    async with (
        http_gateway(start_bench, tmp_path, redis_url=own_redis_server.url) as (_, url),
        aiohttp.ClientSession(headers={"authorization": "Bearer all"}) as admin,
    ):
        at = f"{url}/admin/cache"
        refused = [
            ("get", f"{at}/globex", 403),
            ("post", f"{at}/globex/{'0' * 40}/switch-on", 403),
            ("post", f"{at}/{TENANT}/{'0' * 40}/switch-on", 404),
            ("post", f"{at}/{TENANT}/nonsense/switch-on", 422),
        ]
        for method, address, status in refused:
            async with admin.request(method, address) as answer:
                assert answer.status == status, await answer.text()
        async with admin.get(f"{at}/{TENANT}", headers={"authorization": "Bearer models-only"}) as answer:
            assert answer.status == 403
        async with admin.get(f"{url}/openapi.json") as answer:
            paths = (await answer.json())["paths"]
        assert {"/admin/cache/{tenant}", "/admin/cache/{tenant}/{partition}/switch-on"} <= set(paths)
        own_redis_server.kill()
        async with admin.get(f"{at}/{TENANT}") as answer:
            assert (answer.status, "Redis" in await answer.text()) == (503, True)
