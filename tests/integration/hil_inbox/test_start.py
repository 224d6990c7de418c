"""The process starts and ends cleanly, or says why not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hil.embedded.ports import free_port
from tests.support.child_service import ChildService
from tests.support.wait_until import wait_until


@pytest.mark.parametrize("package", ["hil_inbox", "analytics"])
async def test_a_service_that_waits_for_the_bus_still_ends_when_told_to(tmp_path: Path, package: str) -> None:
    prefix = package.upper()
    settings = {
        f"{prefix}_NATS_URL": f"nats://127.0.0.1:{free_port()}",
        f"{prefix}_STORE_URL": f"sqlite:///{tmp_path}/store.sqlite3",
        f"{prefix}_HTTP_PORT": str(free_port()),
    }
    service = ChildService(package, settings, tmp_path / "log")
    service.start()
    try:
        await wait_until(lambda: service.listens_for_signals, timeout_seconds=30)
        assert service.stop() == 0
    finally:
        service.kill()


@pytest.mark.parametrize("package", ["hil_inbox", "analytics"])
def test_a_wrong_setting_stops_the_start_and_is_named(package: str) -> None:
    environment = {**os.environ, f"{package.upper()}_HTTP_PORT": "99999"}
    started = subprocess.run(
        [sys.executable, "-m", package], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert started.returncode != 0
    assert "http_port" in started.stderr and "65535" in started.stderr
