"""Do the embedded servers start, survive kills with their data, and die with whoever started them?"""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import nats
import psutil
import pytest
import redis.asyncio
from nats.js.api import StreamConfig

from hil.embedded.errors import PortTaken, StartFailed
from hil.embedded.nats_server import NatsCluster, NatsServer, start_nats
from hil.embedded.ports import is_free
from hil.embedded.processes import Child, Command, wait_until_ready
from hil.embedded.redis_server import RedisServer, start_redis
from tests.support.wait_until import wait_until


async def test_an_acknowledged_message_survives_a_kill_of_the_nats_server(
    own_nats_server: NatsServer,
) -> None:
    async with await nats.connect(own_nats_server.url) as client:
        await client.jetstream().add_stream(StreamConfig(name="s", subjects=["s.>"]))
        await client.jetstream().publish("s.a", b"kept", stream="s")
    before = own_nats_server.pid

    own_nats_server.kill()
    assert own_nats_server.exit_code == -signal.SIGKILL
    own_nats_server.restart()

    assert own_nats_server.pid != before
    async with await nats.connect(own_nats_server.url) as client:
        assert (await client.jetstream().get_last_msg("s", "s.a")).data == b"kept"


async def test_a_paused_nats_server_answers_again_after_it_is_resumed(own_nats_server: NatsServer) -> None:
    client = await nats.connect(own_nats_server.url)
    own_nats_server.pause()
    with pytest.raises((TimeoutError, nats.errors.TimeoutError)):
        await client.jetstream(timeout=0.2).account_info()
    assert own_nats_server.alive

    own_nats_server.resume()
    await client.jetstream(timeout=5).account_info()
    await client.close()


async def test_a_nats_server_listens_on_loopback_only(nats_server: NatsServer) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(nats_server.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


async def test_a_nats_server_refuses_payloads_above_one_megabyte(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    assert client.max_payload == 1_048_576
    await client.close()


async def test_three_replicas_elect_a_leader_and_go_on_without_one_of_them(nats_cluster: NatsCluster) -> None:
    client = await nats.connect(nats_cluster.urls, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    jetstream = client.jetstream()
    info = await jetstream.add_stream(StreamConfig(name="s", subjects=["s.>"], num_replicas=3))
    assert info.cluster is not None
    leader = info.cluster.leader
    await jetstream.publish("s.a", b"kept", stream="s")

    victim = next(s for i, s in enumerate(nats_cluster.servers, start=1) if f"n{i}" == leader)
    victim.kill()

    async def another_leads() -> bool:
        try:
            found = (await jetstream.stream_info("s")).cluster
        except (nats.errors.Error, TimeoutError):
            return False
        return found is not None and found.leader not in (None, "", leader)

    await wait_until(another_leads, timeout_seconds=30)
    assert (await jetstream.get_last_msg("s", "s.a")).data == b"kept"
    victim.restart()
    nats_cluster.wait_for_leader()
    await client.close()


@pytest.mark.parametrize("name", ["first", "second"])
async def test_a_shared_nats_server_is_empty_for_every_test(nats_server: NatsServer, name: str) -> None:
    client = await nats.connect(nats_server.url)
    jetstream = client.jetstream()
    assert await jetstream.streams_info() == []
    await jetstream.add_stream(StreamConfig(name=name, subjects=[f"{name}.>"]))
    await jetstream.create_key_value(bucket=name)
    await client.close()


async def test_an_acknowledged_write_survives_a_kill_of_redis(own_redis_server: RedisServer) -> None:
    async with redis.asyncio.Redis.from_url(own_redis_server.url) as client:
        await client.set("key", "kept")
    own_redis_server.kill()
    own_redis_server.restart()
    async with redis.asyncio.Redis.from_url(own_redis_server.url) as client:
        assert await client.get("key") == b"kept"


async def test_redis_writes_before_it_answers_and_evicts_nothing(redis_server: RedisServer) -> None:
    async with redis.asyncio.Redis.from_url(redis_server.url) as client:
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
        assert (await client.config_get("appendfsync"))["appendfsync"] == "always"


@pytest.mark.parametrize("name", ["first", "second"])
async def test_a_shared_redis_server_is_empty_for_every_test(redis_server: RedisServer, name: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_server.url) as client:
        assert await client.keys() == []
        await client.set(name, 1)


def test_a_taken_port_is_refused_with_a_clear_text(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is taken.*nats-server"):
            start_nats(tmp_path / "nats", port=port)
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is taken.*redis-server"):
            start_redis(tmp_path / "redis", port=port)


def test_a_child_that_ends_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    program = (sys.executable, "-c", "import sys; print('no such table'); sys.exit(7)")
    child = Child(Command(name="thing", arguments=program, log_file=tmp_path / "log"))
    child.start()
    with pytest.raises(StartFailed, match=r"thing ended with status 7: no such table"):
        wait_until_ready(child, lambda: False, timeout_seconds=10)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    child = Child(Command(name="deaf", arguments=(sys.executable, "-c", program), log_file=tmp_path / "log"))
    child.start()
    wait_until_ready(child, lambda: "deaf" in child.log_tail(), timeout_seconds=10)
    child.stop(grace_seconds=0.1)
    assert child.exit_code == -signal.SIGKILL


async def test_killing_the_parent_kills_its_servers(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from hil.embedded.nats_server import start_nats
        from hil.embedded.redis_server import start_redis
        here = Path(sys.argv[1])
        nats, redis = start_nats(here / "n"), start_redis(here / "r")
        print(nats.pid, nats.port, redis.pid, redis.port, flush=True)
        time.sleep(600)
    """)
    start = (sys.executable, "-c", program, str(tmp_path))
    with subprocess.Popen(start, stdout=subprocess.PIPE) as parent:  # noqa: ASYNC220
        assert parent.stdout is not None
        nats_pid, nats_port, redis_pid, redis_port = map(int, parent.stdout.readline().split())
        assert psutil.pid_exists(nats_pid) and psutil.pid_exists(redis_pid)
        os.kill(parent.pid, signal.SIGKILL)

    await wait_until(lambda: is_free(nats_port) and is_free(redis_port))
    await wait_until(lambda: not any(_runs(pid) for pid in (nats_pid, redis_pid)))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
