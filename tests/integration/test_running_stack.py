"""Does the stack start, keep up and stop whatever services it is given?"""

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import redis.asyncio

from hil.embedded.directory import own_directory
from hil.embedded.endpoints import read_endpoints
from hil.embedded.errors import DirectoryInUse, EmbeddedError, GaveUp, PortTaken, StartFailed
from hil.embedded.plan import AllInThisProcess, OneProcessEach
from hil.embedded.ports import free_port, is_free
from hil.embedded.redis_server import RedisServer
from hil.embedded.stack import Stack, running_stack
from hil.embedded.supervisor import Change, Notice, RestartPolicy
from hil.embedded.units import ChildUnit, TaskUnit, Unit
from tests.support.stand_in_service.plan import plan_of
from tests.support.wait_until import wait_until


def pid_of(unit: Unit) -> int:
    assert isinstance(unit, ChildUnit)
    return unit.child.pid


def redis_of(stack: Stack) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(stack.endpoints["redis"])


async def status_of(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status


@pytest.mark.parametrize("layout", [OneProcessEach(), AllInThisProcess()], ids=["processes", "one-process"])
async def test_everything_answers_at_the_addresses_that_are_written(
    tmp_path: Path, layout: OneProcessEach | AllInThisProcess
) -> None:
    async with running_stack(replace(plan_of(tmp_path), layout=layout), list[Notice]().append) as stack:
        written = json.loads((tmp_path / "endpoints.json").read_text())
        assert written == stack.endpoints == read_endpoints(tmp_path)
        assert list(written) == ["nats", "redis", "stand_in"]
        assert await status_of(f"{written['stand_in']}/readyz") == 200


async def test_stopping_ends_services_before_servers_and_leaves_nothing(tmp_path: Path) -> None:
    notices: list[Notice] = []
    plan = replace(plan_of(tmp_path), layout=OneProcessEach(replicas={"stand_in": 2}))
    async with running_stack(plan, notices.append) as stack:
        units = list(stack.units.values())
        ports = [int(url.rsplit(":", 1)[1].split("/")[0]) for url in stack.endpoints.values()]

    stopped = [notice.unit for notice in notices if notice.change is Change.STOPPED]
    assert stopped == ["stand_in-2", "stand_in", "redis", "nats"]
    assert not any(unit.alive for unit in units)
    assert all(is_free(port) for port in ports)
    assert not (tmp_path / "endpoints.json").exists()
    assert "stopped cleanly" in (tmp_path / "logs" / "stand_in.log").read_text()


@pytest.mark.parametrize("layout", [OneProcessEach(), AllInThisProcess()], ids=["processes", "one-process"])
async def test_a_service_that_will_not_end_is_killed_and_the_servers_still_end_cleanly(
    tmp_path: Path, layout: OneProcessEach | AllInThisProcess
) -> None:
    plan = replace(plan_of(tmp_path, STAND_IN_SERVICE_LINGERS="true"), layout=layout, grace_seconds=0.5)
    async with running_stack(plan, list[Notice]().append) as stack:
        unit, server = stack.units["stand_in"], stack.units["redis"]
    await wait_until(lambda: not unit.alive)
    assert isinstance(server, ChildUnit)
    assert server.child.exit_code == 0


@pytest.mark.parametrize("name", ["stand_in", "nats", "redis"])
async def test_what_is_killed_comes_back_at_the_same_address(tmp_path: Path, name: str) -> None:
    notices: list[Notice] = []
    async with running_stack(plan_of(tmp_path), notices.append) as stack:
        before = pid_of(stack.units[name])
        os.kill(before, signal.SIGKILL)

        await wait_until(lambda: [n.change for n in notices if n.unit == name].count(Change.READY) == 2)
        assert pid_of(stack.units[name]) != before
        ended = next(notice for notice in notices if notice.change is Change.ENDED)
        assert "was killed by signal 9" in ended.text
        assert "starting it again in 0.01 s (1 of 2)" in ended.text


async def test_a_failed_service_of_a_single_process_comes_back(tmp_path: Path) -> None:
    notices: list[Notice] = []
    plan = replace(plan_of(tmp_path), layout=AllInThisProcess())
    async with running_stack(plan, notices.append) as stack:
        unit = stack.units["stand_in"]
        assert isinstance(unit, TaskUnit)
        unit.kill()
        await wait_until(lambda: [n.change for n in notices if n.unit == "stand_in"].count(Change.READY) == 2)
        assert await status_of(f"{stack.endpoints['stand_in']}/readyz") == 200


async def test_what_will_not_stay_up_is_given_up(tmp_path: Path) -> None:
    async with running_stack(plan_of(tmp_path), list[Notice]().append) as stack:
        unit = stack.units["stand_in"]
        assert isinstance(unit, ChildUnit)
        unit.child.command = replace(unit.child.command, arguments=("false",))
        unit.kill()
        with pytest.raises(GaveUp, match=r"stand_in ended with status 1.*not started again after 2 restarts"):
            async with asyncio.timeout(20):
                await stack.wait_until_failed()


async def test_a_service_that_cannot_start_stops_the_rest_and_says_why(tmp_path: Path) -> None:
    notices: list[Notice] = []
    with pytest.raises(StartFailed, match=r"stand_in did not start.*no such model"):
        async with running_stack(plan_of(tmp_path, STAND_IN_SERVICE_FAILS_WITH="no such model"), notices.append):
            pass
    assert [n.unit for n in notices if n.change is Change.STOPPED] == ["redis", "nats"]


async def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    with own_directory(tmp_path), pytest.raises(DirectoryInUse, match=f"{tmp_path} is in use.*pid {os.getpid()}"):
        async with running_stack(plan_of(tmp_path), list[Notice]().append):
            pass


def test_a_lock_file_of_a_dead_owner_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "hil.lock").write_text("4194304\n")
    with own_directory(tmp_path):
        assert (tmp_path / "hil.lock").read_text() == f"{os.getpid()}\n"


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(EmbeddedError, match=r"cannot use .*file/data as data directory"),
        own_directory(tmp_path / "file" / "data"),
    ):
        pass


async def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path, redis_server: RedisServer) -> None:
    notices: list[Notice] = []
    with pytest.raises(PortTaken, match=f"port {redis_server.port} .*stand_in"):
        async with running_stack(replace(plan_of(tmp_path), ports={"stand_in": redis_server.port}), notices.append):
            pass
    assert notices == []


@pytest.mark.parametrize(
    ("ports", "text"),
    [({"mongo": 4000}, "nothing is called mongo"), ({"nats": 4001, "redis": 4001}, "the same port")],
)
async def test_ports_that_make_no_sense_are_refused(tmp_path: Path, ports: Mapping[str, int], text: str) -> None:
    with pytest.raises(EmbeddedError, match=text):
        async with running_stack(replace(plan_of(tmp_path), ports=ports), list[Notice]().append):
            pass


async def test_a_fixed_port_is_used(tmp_path: Path) -> None:
    port = free_port()
    async with running_stack(replace(plan_of(tmp_path), ports={"nats": port}), list[Notice]().append) as stack:
        assert stack.endpoints["nats"] == f"nats://127.0.0.1:{port}"


async def test_data_survives_a_stop_and_a_start_in_the_same_directory(tmp_path: Path) -> None:
    async with running_stack(plan_of(tmp_path), list[Notice]().append) as stack, redis_of(stack) as client:
        await client.set("key", "kept")
    async with running_stack(plan_of(tmp_path), list[Notice]().append) as stack, redis_of(stack) as client:
        assert await client.get("key") == b"kept"


def test_restarts_wait_longer_each_time_up_to_a_maximum() -> None:
    policy = RestartPolicy(delay_seconds_first=0.2, delay_seconds_max=1.0)
    assert [policy.delay_seconds(restart) for restart in (1, 2, 3, 4, 50)] == [0.2, 0.4, 0.8, 1.0, 1.0]
