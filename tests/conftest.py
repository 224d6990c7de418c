"""Which servers can every test ask for by name?

`nats_server` and `redis_server` are processes of the whole session, emptied after each test that used them.
A test that kills, pauses or fills a server takes `own_nats_server` or `own_redis_server` instead.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.start_servers import (
    NatsCluster,
    NatsServer,
    RedisServer,
    delete_all_keys,
    delete_all_streams,
    start_nats,
    start_nats_cluster,
    start_redis,
)

settings.register_profile("busy machine", settings(), deadline=None)  # A slow example says nothing about the code.
settings.load_profile("busy machine")


@pytest.fixture(scope="session")
def shared_nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """The session's server; tests use `nats_server`, which empties it."""
    server = start_nats(tmp_path_factory.mktemp("nats"))
    yield server
    server.stop()


@pytest.fixture
async def nats_server(shared_nats_server: NatsServer) -> AsyncIterator[NatsServer]:
    """A running NATS server without streams."""
    yield shared_nats_server
    await delete_all_streams(shared_nats_server.url)


@pytest.fixture
def own_nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server of this test alone, which may be killed, paused and restarted."""
    server = start_nats(tmp_path / "nats")
    yield server
    server.kill()


@pytest.fixture
def nats_cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    """Three NATS servers of this test alone that replicate to each other and have a leader."""
    cluster = start_nats_cluster(tmp_path / "nats-cluster", size=3)
    yield cluster
    for server in cluster.servers:
        server.kill()


@pytest.fixture(scope="session")
def shared_redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The session's server; tests use `redis_server`, which empties it."""
    server = start_redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def redis_server(shared_redis_server: RedisServer) -> Iterator[RedisServer]:
    """A running, empty Redis."""
    yield shared_redis_server
    delete_all_keys(shared_redis_server.url)


@pytest.fixture
def own_redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test alone, which may be killed, paused and restarted."""
    server = start_redis(tmp_path / "redis")
    yield server
    server.kill()


REAL_SERVERS = ("integration", "e2e", "chaos")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on real servers get a second try: on a busy machine a deadline of seconds can be missed without a fault.
    The summary counts every such try as `rerun`; pure tests have none."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(folder) and item.path.relative_to(folder).parts[0] in REAL_SERVERS:
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))
