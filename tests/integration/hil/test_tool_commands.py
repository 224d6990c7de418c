"""`hil tool …` on a real tool runner."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hil.outcome import CommandError
from hil.tool_commands import tool_app
from tests.support.kit import kit
from tests.support.remote_mcp import RemoteMcpServer, remote_mcp_server
from tests.support.start_servers import NatsServer, RedisServer
from tests.support.tool_runner import all_servers_up, running_runner, settings_for, write_servers
from tests.support.wait_until import wait_until
from tool_runner.settings import Settings


@dataclass
class Place:
    """A runner with a remote server and a function."""

    settings: Settings
    remote: RemoteMcpServer


@pytest.fixture
async def place(
    own_nats_server: NatsServer, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    async with remote_mcp_server() as remote, kit(own_nats_server.url):
        crm = {
            "name": "crm",
            "url": remote.url,
            "headers": {"x-api-key": "key-of-ann"},
            "defaults": {"cost_usd": 0.002, "side_effect": "read"},
        }
        sized = {"python": "tests.integration.tool_runner.functions:sized", "side_effect": "read", "cost_usd": 0}
        file = write_servers(tmp_path / "tools.yaml", crm, {"name": "local", "tools": {"sized": sized}})
        settings = settings_for(own_nats_server.url, redis_server.url, file)
        monkeypatch.setenv("HIL_NATS_URL", own_nats_server.url)
        monkeypatch.setenv("HIL_TOOL_RUNNER_URL", f"http://127.0.0.1:{settings.http_port}")
        yield Place(settings, remote)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def rows(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


async def hil(*arguments: str) -> Ended:
    """`hil tool …` in a thread of this process: each start of Python would take seconds."""
    run = await asyncio.to_thread(CliRunner(env={"COLUMNS": "80"}).invoke, tool_app, arguments)
    if isinstance(run.exception, CommandError):
        return Ended(int(run.exception.code), run.stdout, str(run.exception))
    if run.exception is not None and not isinstance(run.exception, SystemExit):
        raise run.exception
    return Ended(run.exit_code, run.stdout, run.stderr)


async def test_a_tool_is_listed_shown_tried_held_and_blessed(place: Place) -> None:
    async with running_runner(place.settings):
        await all_servers_up(place.settings.http_port)
        listed = await hil("list")
        assert (listed.returncode, listed.stderr) == (0, "")
        assert [line.split() for line in listed.stdout.splitlines()] == [
            ["tool", "effect", "cost", "needs"],
            ["crm.whoami", "read", "$0.002"],
            ["local.sized", "read", "free"],
        ]
        tried = await hil("test", "crm.whoami", '{"text": "hi"}', "--json")
        assert tried.returncode == 0, tried.stderr
        (fact,) = tried.rows
        assert (fact["type"], fact["result"], fact["repeated"]) == ("tool_call.completed", "ann:hi", False)
        wrong = await hil("test", "local.sized", '{"text": "abc", "times": "x"}')
        assert wrong.returncode == 1
        assert "local.sized: tool_call.failed" in wrong.stdout
        assert "error_class: invalid_arguments" in wrong.stdout

    place.remote.tool_description = "Another one."
    async with running_runner(place.settings):
        await all_servers_up(place.settings.http_port)
        shown = await hil("show", "crm.whoami")
        assert "Another one." in shown.stdout
        assert "hil tool bless crm.whoami" in shown.stdout
        blessed = await hil("bless", "crm.whoami", "--json")
        assert blessed.returncode == 0, blessed.stderr
        assert json.loads(blessed.stdout)["version"] in shown.stdout

        async def callable_again() -> bool:
            found = (await hil("list", "--json")).rows
            return [(one["name"], one["quarantined"]) for one in found] == [
                ("crm.whoami", False),
                ("local.sized", False),
            ]

        await wait_until(callable_again, timeout_seconds=10)
        twice = await hil("bless", "crm.whoami")
        assert (twice.returncode, twice.stdout) == (2, "")
        assert "crm.whoami is not quarantined" in twice.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("test", "a.b", "[1]"), 2, "JSON: Input should be an object; write an object"),
        (("test", "a.b", "{}", "--tenant", "*"), 2, "tenant '*' is not 1 to 128 letters"),
        (("list",), 3, "no tool runner answers at http://127.0.0.1:9 (ClientConnectorError)"),
    ],
)
async def test_what_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, said: str
) -> None:
    monkeypatch.setenv("HIL_TOOL_RUNNER_URL", "http://127.0.0.1:9")
    run = await hil(*arguments)
    assert (run.returncode, run.stdout) == (code, "")
    assert said in run.stderr
