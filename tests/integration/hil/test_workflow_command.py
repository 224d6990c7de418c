"""`hil workflow` on a real server."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.kit import kit
from tests.support.start_servers import NatsServer

SOURCE = """
name: greeting
version: {version}
workflow:
  nodes:
    - {{id: say, type: rule, expression: "'hello'"}}
    - {{id: FINISH, type: sink, action: finish_conversation, reply: say.output}}
    - {{id: HANDOVER, type: sink, action: handover_to_human}}
  edges:
    - {{from: say, to: FINISH}}
    - {{from: say, to: HANDOVER, condition: "output == 'human'"}}
"""


async def hil(server: NatsServer | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    address = {} if server is None else {"HIL_NATS_URL": server.url}
    return await asyncio.to_thread(
        subprocess.run,
        (sys.executable, "-m", "hil", *arguments),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **address},
    )


def rows(run: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two versions of a workflow."""
    found = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    for number, file in enumerate(found, start=1):
        file.write_text(SOURCE.format(version=f"{number}.0.0"))
    return found


async def test_publish_list_and_rollback_say_what_is_in_force(nats_server: NatsServer, files: list[Path]) -> None:
    async with kit(nats_server.url):
        for file in files:
            published = await hil(nats_server, "workflow", "publish", str(file), "--route", "--json")
            assert published.returncode == 0, published.stderr
        listed = rows(await hil(nats_server, "workflow", "list", "--json"))
        assert [(row["version"], row["in_force"], row["route"]) for row in listed] == [
            ("1.0.0", False, True),
            ("2.0.0", True, True),
        ]
        assert rows(await hil(nats_server, "workflow", "rollback", "greeting", "--json"))[0]["version"] == "1.0.0"
        again = await hil(nats_server, "workflow", "rollback", "greeting")
        assert (again.returncode, again.stderr) == (
            1,
            "hil: greeting has no earlier version in force to go back to\n",
        )


async def test_a_staged_version_is_listed_and_not_in_force(nats_server: NatsServer, files: list[Path]) -> None:
    async with kit(nats_server.url):
        await hil(nats_server, "workflow", "publish", str(files[0]), "--stage-only")
        listed = rows(await hil(nats_server, "workflow", "list", "--json"))
        assert [(row["version"], row["in_force"]) for row in listed] == [("1.0.0", False)]


async def test_a_changed_file_with_the_same_version_is_refused(nats_server: NatsServer, files: list[Path]) -> None:
    async with kit(nats_server.url):
        await hil(nats_server, "workflow", "publish", str(files[0]))
        files[0].write_text(files[0].read_text().replace("hello", "hi"))
        refused = await hil(nats_server, "workflow", "publish", str(files[0]))
        assert refused.returncode == 1
        assert "greeting 1.0.0 is published with other content" in refused.stderr


async def test_mistakes_come_with_file_and_line_and_nothing_is_published(
    nats_server: NatsServer, files: list[Path]
) -> None:
    files[0].write_text(files[0].read_text().replace("type: rule", "type: ruler"))
    checked = await hil(None, "workflow", "validate", *map(str, files))
    assert checked.returncode == 2
    assert checked.stderr.startswith(f"{files[0]}:6: ")
    assert checked.stdout == f"{files[1]}: greeting 2.0.0 is right\n"
    async with kit(nats_server.url):
        assert (await hil(nats_server, "workflow", "publish", str(files[0]))).returncode == 2
        assert rows(await hil(nats_server, "workflow", "list", "--json")) == []


async def test_values_are_filled_in_before_publishing(nats_server: NatsServer, tmp_path: Path) -> None:
    file = tmp_path / "filled.yaml"
    file.write_text(SOURCE.format(version="1.0.0").replace("hello", "%{word}"))
    async with kit(nats_server.url):
        missing = await hil(nats_server, "workflow", "publish", str(file))
        assert missing.returncode == 2
        assert f"{file}:6: %{{word}} has no value" in missing.stderr
        assert (await hil(nats_server, "workflow", "publish", str(file), "--set", "word=hi")).returncode == 0


async def test_without_a_system_the_status_is_three(files: list[Path], tmp_path: Path) -> None:
    run = await hil(None, "workflow", "publish", str(files[0]), "--data-dir", str(tmp_path / "nowhere"))
    assert run.returncode == 3
    assert "no running system" in run.stderr
