"""Do two runner processes together keep to what one alone would have to keep to?"""

import os
from collections import Counter
from pathlib import Path

import pytest

from contracts.tool_calls import ToolCallCompleted, ToolCallFailed
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import (
    all_servers_up,
    calling,
    runner_process,
    running_runner,
    settings_for,
    write_servers,
)

CALLERS, OF_ALL, OF_EACH = 200, 70, 40
QUOTAS = [{"per": per, "calls_max": most, "window": "month"} for per, most in (("tool", OF_ALL), ("entity", OF_EACH))]


async def test_two_hundred_callers_of_two_processes_make_exactly_the_calls_of_the_quota(
    nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAMPS_FILE", str(stamps := tmp_path / "stamps"))
    stamp = {"python": "tests.integration.tool_runner.functions:stamp", "cost_usd": 0, "quotas": QUOTAS}
    file = write_servers(tmp_path / "tools.yaml", {"name": "python", "tools": {"stamp": stamp}})
    one, other = (settings_for(nats_server.url, redis_server.url, file, concurrency=16) for _ in range(2))
    async with calling(nats_server.url) as caller:
        with runner_process(other) as process:
            async with running_runner(one):
                for settings in (one, other):
                    await all_servers_up(settings.http_port)
                commands = [
                    await caller.command("python.stamp", {"text": f"u{n % 2}"}, key=f"c{n}", entity=f"u{n % 2}")
                    for n in range(CALLERS)
                ]
                facts = [await caller.fact_of(command, timeout_seconds=30) for command in commands]
    made = [fact for fact in facts if isinstance(fact, ToolCallCompleted)]
    refused = [fact for fact in facts if isinstance(fact, ToolCallFailed)]
    assert (len(made), len(refused)) == (OF_ALL, CALLERS - OF_ALL)
    assert all(fact.error_class == "denied" and "its quota of" in fact.detail for fact in refused)
    lines = [line.split() for line in stamps.read_text().splitlines()]
    assert len(lines) == OF_ALL, "what was called is what was counted"
    assert max(Counter(entity for _, entity in lines).values()) <= OF_EACH
    assert {int(pid) for pid, _ in lines} == {os.getpid(), process.pid}, "both made some"
