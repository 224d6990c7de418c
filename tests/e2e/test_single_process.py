"""Does the whole system run in one process, end cleanly, and keep what it knew?"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from tests.support.programs import ROOT, Ended, run_program
from tests.support.wait_until import wait_until
from tests.support.whole_system import json_rows

from hil.embedded.ports import is_free

pytestmark = pytest.mark.slow
OWN_PROVIDER = ("OPENAI_API_KEY", "LLM_GATEWAY_PROVIDER_URL")


@dataclass
class Up:
    """A running `hil up`, and all processes that belong to it."""

    program: asyncio.subprocess.Process
    endpoints: dict[str, str]
    family: list[psutil.Process]

    async def stop(self) -> tuple[int, list[dict[str, object]]]:
        """Exit status after SIGTERM, and the last lines that it printed."""
        self.program.send_signal(signal.SIGTERM)
        async with asyncio.timeout(40):
            rest, _ = await self.program.communicate()
        assert self.program.returncode is not None
        return self.program.returncode, [json.loads(line) for line in rest.splitlines()]

    @property
    def ports(self) -> list[int]:
        return [int(address.rsplit(":", 1)[1].split("/")[0]) for address in self.endpoints.values()]


@asynccontextmanager
async def up(data_dir: Path) -> AsyncIterator[Up]:
    environment = {name: value for name, value in os.environ.items() if name not in OWN_PROVIDER}
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hil", "up", "--single-process", "--json", "--data-dir", str(data_dir)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment,
    )
    assert program.stdout is not None
    try:
        async with asyncio.timeout(60):
            async for line in program.stdout:
                if (event := json.loads(line))["event"] == "up":
                    break
        me = psutil.Process(program.pid)
        yield Up(program, event["endpoints"], [me, *me.children(recursive=True)])
    finally:
        with suppress(ProcessLookupError):
            program.kill()
        await program.communicate()


async def hil(data_dir: Path, *arguments: str) -> Ended:
    return await run_program(sys.executable, "-m", "hil", *arguments, environment={"HIL_DATA_DIR": str(data_dir)})


async def ask(data_dir: Path, turn: str, text: str) -> dict[str, object]:
    ended = await hil(data_dir, "send", "-c", "kept", "-t", turn, text, "--wait", "20", "--json")
    assert ended.status == 0, ended.err
    return json_rows(ended)[0]


async def test_one_process_answers_ends_cleanly_and_knows_the_conversation_afterwards(tmp_path: Path) -> None:
    async with up(tmp_path) as running:
        assert len(running.family) == 4, "services share one process; NATS, Redis and the model have their own"
        published = await hil(tmp_path, "workflow", "publish", str(ROOT / "workflows/first.yaml"), "--route")
        assert published.status == 0, published.err
        assert (await ask(tmp_path, "1", "hello"))["messages"] == ["hello"]

        second = await hil(tmp_path, "up", "--single-process")
        assert (second.status, second.out) == (2, "")
        assert f"{tmp_path} is in use by another running system (pid {running.program.pid})" in second.err

        status, last = await running.stop()
        assert (status, last[-1]) == (0, {"event": "down"})
        assert all(is_free(port) for port in running.ports)
        await wait_until(lambda: not any(process.is_running() for process in running.family))
        assert not (tmp_path / "endpoints.json").exists()

    async with up(tmp_path) as again:
        inspected = await hil(tmp_path, "inspect", "kept", "--json")
        assert [row["what"] for row in json_rows(inspected) if row["kind"] == "evt.message.sent.v1"] == ["hello"]
        assert (await ask(tmp_path, "2", "still there?"))["messages"] == ["still there?"]
        assert (await again.stop())[0] == 0


async def test_a_system_that_is_not_running_is_said_to_be_so(tmp_path: Path) -> None:
    ended = await hil(tmp_path, "inspect", "kept")
    assert (ended.status, "no running system" in ended.err) == (3, True)
