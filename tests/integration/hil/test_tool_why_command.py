"""`hil tool why` on a manifest file, and on a real tool runner."""

import json
from pathlib import Path

import pytest

from tests.integration.hil.test_tool_commands import hil
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import all_servers_up, running_runner, settings_for

FUNCTION = "tests.integration.tool_runner.functions:sized"
MANIFEST = {
    "permissions": ["refund"],
    "approvals": {"big": {"when": "arguments.amount > `100`"}},
    "grants": [
        {"name": "looking", "tools": ["shop.look"], "agents": ["clerk", "boss"]},
        {
            "name": "small",
            "tools": ["shop.pay"],
            "agents": ["clerk"],
            "when": ["amount <= `50`"],
            "permissions": ["refund"],
        },
        {"name": "all", "tools": ["*"], "agents": ["boss"], "tenants": ["acme"], "permissions": ["refund"]},
    ],
    "servers": [
        {
            "name": "shop",
            "defaults": {"cost_usd": 0},
            "tools": {
                "look": {"python": FUNCTION, "side_effect": "read"},
                "pay": {"python": FUNCTION, "permissions_required": ["refund"], "approvals": ["big"]},
            },
        }
    ],
}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    file = tmp_path / "manifest.yaml"
    file.write_text(json.dumps(MANIFEST))
    return file


async def test_a_denial_shows_what_each_grant_lacks(manifest: Path) -> None:
    ended = await hil("why", "clerk", "shop.pay", "--manifest", str(manifest), "--arguments", '{"amount": 60}')
    assert ended.returncode == 1
    assert [line.rstrip() for line in ended.stdout.splitlines()[:-1]] == [
        "clerk may not call shop.pay",
        "no grant allows it (small: not true of the arguments: amount <= `50`; all: agent",
        "clerk: not one of boss)",
        "requires refund",
        "grant    for this call",
        "looking  tool shop.pay: not one of shop.look",
        "small    not true of the arguments: amount <= `50`",
        "all      agent clerk: not one of boss",
    ]


async def test_the_running_tool_runner_says_the_same_as_its_file(
    manifest: Path, nats_server: NatsServer, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(nats_server.url, redis_server.url, manifest)
    monkeypatch.setenv("HIL_TOOL_RUNNER_URL", f"http://127.0.0.1:{settings.http_port}")
    questions = [
        ("boss", "shop.pay", "--arguments", '{"amount": 500}'),
        ("boss", "shop.pay", "--tenant", "zeta"),
        ("clerk", "shop.look", "--node", "n", "--workflow", "w", "--entity", "e1"),
        ("-", "shop.look"),
        ("boss", "shopping.pay"),
    ]
    async with running_runner(settings):
        await all_servers_up(settings.http_port)
        asked = [await hil("why", *words, "--json") for words in questions]
    offline = [await hil("why", *words, "--json", "--manifest", str(manifest)) for words in questions]
    assert asked == offline
    assert [one.returncode for one in asked] == [0, 1, 0, 1, 1]
    paying, *_, unknown = (one.rows[0] for one in asked)
    assert str(paying["approval"]).startswith("big@")
    assert unknown["reason"] == "the manifest offers no tool shopping.pay"
    away = await hil("why", "boss", "shop.pay")
    assert away.returncode == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--arguments", "[1]"), "--arguments: Input should be an object"),
        (("--arguments", "{"), "--arguments: Invalid JSON"),
        (("--workflow", "w" * 300), "workflow"),
    ],
)
async def test_wrong_words_are_refused(manifest: Path, words: tuple[str, ...], said: str) -> None:
    ended = await hil("why", "boss", "shop.pay", "--manifest", str(manifest), *words)
    assert ended.returncode == 2
    assert said in ended.stderr
