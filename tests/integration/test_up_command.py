"""Does `hil up` obey signals, say what it does, and refuse in one clear sentence?"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hil.embedded.directory import own_directory
from hil.embedded.ports import is_free
from hil.embedded.redis_server import RedisServer
from tests.support.wait_until import wait_until

REPOSITORY = Path(__file__).parents[2]
DRIVER = """
import asyncio, sys
from pathlib import Path
from hil.up import run_until_told_to_stop
from hil.up_notices import JsonLines
from tests.support.stand_in_service.plan import plan_of
asyncio.run(run_until_told_to_stop(plan_of(Path(sys.argv[1])), JsonLines(sys.stdout)))
"""


@contextmanager
def running_up(data_dir: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    command = (sys.executable, "-c", DRIVER, str(data_dir))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env={**os.environ, **environment}
    ) as process:
        try:
            assert process.stdout is not None
            lines = (json.loads(line) for line in process.stdout)
            yield process, next(line["endpoints"] for line in lines if line["event"] == "up")
        finally:
            process.kill()


def hil(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "hil", *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def ports_of(endpoints: dict[str, str]) -> list[int]:
    return [int(address.rsplit(":", 1)[1].split("/")[0]) for address in endpoints.values()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_and_the_exit_status_is_zero(tmp_path: Path, number: signal.Signals) -> None:
    with running_up(tmp_path) as (process, endpoints):
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert json.loads(output.splitlines()[-1]) == {"event": "down"}
        assert all(is_free(port) for port in ports_of(endpoints))


def test_a_second_signal_does_not_wait_for_a_service_that_will_not_end(tmp_path: Path) -> None:
    with running_up(tmp_path, STAND_IN_SERVICE_LINGERS="true") as (process, endpoints):
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"event": "stopping"}
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=5)
        assert all(is_free(port) for port in ports_of(endpoints))


async def test_after_a_kill_nothing_is_left_and_the_directory_can_be_used_again(tmp_path: Path) -> None:
    with running_up(tmp_path) as (process, endpoints):
        process.kill()
        process.wait()
        await wait_until(lambda: all(is_free(port) for port in ports_of(endpoints)))
    with running_up(tmp_path):
        pass


def test_a_directory_in_use_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with own_directory(tmp_path):
        result = hil("up", "--data-dir", str(tmp_path))
    assert result.returncode == 2
    assert result.stderr.startswith(f"hil: {tmp_path} is in use by another running system (pid {os.getpid()})")
    assert result.stderr.count("\n") == 1


def test_a_taken_port_is_refused_in_one_sentence(tmp_path: Path, redis_server: RedisServer) -> None:
    result = hil("up", "--data-dir", str(tmp_path), "--port", f"nats={redis_server.port}")
    assert result.returncode == 2
    assert result.stderr == (
        f"hil: port {redis_server.port} on 127.0.0.1 is taken by another program, nats cannot use it\n"
    )


@pytest.mark.parametrize("port", ["nats", "nats=", "nats=0", "nats=65536", "nats=x"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    result = hil("up", "--data-dir", str(tmp_path), "--port", port)
    assert result.returncode == 2
    assert f"--port {port} is not NAME=PORT" in result.stderr


def test_an_unknown_option_is_refused_without_a_traceback() -> None:
    result = hil("up", "--nonsense")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
