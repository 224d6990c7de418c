"""How is everything live plugged together: the pass over the log, its subscribers, the queue beside it, who types?"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI

from contracts.streams import HIL_INBOX_EVENTS, LOG
from hil_inbox.adapters.live_subjects import tell_live
from hil_inbox.adapters.log_pass import LogPass
from hil_inbox.api.feed import feed_routes
from hil_inbox.api.live import live_routes
from hil_inbox.api.office import Office
from hil_inbox.api.queue import queue_routes
from hil_inbox.domain.feed_ring import FeedRing
from hil_inbox.handlers.count_queue import QueueCounts
from hil_inbox.handlers.fan_out import FanOut, Log
from hil_inbox.handlers.follow_feed import Feed
from service_kit.connection import Connection


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """What bounds the feed."""

    events_max: int
    bytes_max: int
    views_max: int
    heartbeat_seconds: float
    subscribers_max: int
    subscribers_per_actor_max: int


def live_feed(connection: Connection, log: Log, limits: FeedLimits) -> Feed:
    """One pass over the log, and what subscribers read of it."""
    ring = FeedRing(limits.events_max, limits.bytes_max)
    fan_out = FanOut(log, LogPass(connection, HIL_INBOX_EVENTS, LOG), ring, views_max=limits.views_max)
    return Feed(
        fan_out,
        heartbeat_seconds=limits.heartbeat_seconds,
        subscribers_max=limits.subscribers_max,
        subscribers_per_actor_max=limits.subscribers_per_actor_max,
    )


def add_feed(app: FastAPI, feed: Feed, office: Office, connection: Connection, *, now_ms: Callable[[], int]) -> None:
    """The routes of what is live."""
    app.include_router(feed_routes(feed))
    app.include_router(queue_routes(office, QueueCounts(office.views.store, office.read_floor)))
    app.include_router(live_routes(partial(tell_live, connection), now_ms))
