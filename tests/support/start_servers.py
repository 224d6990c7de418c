"""How do tests get real servers that one test cannot spoil for the next?"""

import nats
import redis

from hil.embedded.nats_server import NatsCluster, NatsServer, start_nats, start_nats_cluster
from hil.embedded.redis_server import RedisServer, start_redis

__all__ = [
    "NatsCluster",
    "NatsServer",
    "RedisServer",
    "delete_all_keys",
    "delete_all_streams",
    "start_nats",
    "start_nats_cluster",
    "start_redis",
]


async def delete_all_streams(url: str) -> None:
    """Delete every stream, and so every consumer, key-value bucket and object store (they are streams)."""
    client = await nats.connect(url)
    try:
        jetstream = client.jetstream()
        while streams := await jetstream.streams_info():
            for stream in streams:
                assert stream.config.name is not None
                await jetstream.delete_stream(stream.config.name)
    finally:
        await client.close()


def delete_all_keys(url: str) -> None:
    """Empty every database of the server."""
    with redis.Redis.from_url(url) as client:
        client.flushall()
