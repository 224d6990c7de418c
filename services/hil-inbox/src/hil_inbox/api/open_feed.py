"""What does the live feed stand on?"""

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
from hil_inbox.settings import Settings
from service_kit.connection import Connection


def open_feed(settings: Settings, connection: Connection, log: Log) -> Feed:
    """One pass over the log, and what subscribers read of it."""
    ring = FeedRing(settings.feed_events_max, settings.feed_bytes_max)
    fan_out = FanOut(log, LogPass(connection, HIL_INBOX_EVENTS, LOG), ring, views_max=settings.keys_cached_max)
    return Feed(
        fan_out,
        heartbeat_seconds=settings.feed_heartbeat_seconds,
        subscribers_max=settings.feed_subscribers_max,
        subscribers_per_actor_max=settings.feed_subscribers_per_actor_max,
    )


def add_feed(app: FastAPI, feed: Feed, office: Office, connection: Connection) -> None:
    """The routes of what is live."""
    app.include_router(feed_routes(feed))
    app.include_router(queue_routes(office, QueueCounts(office.views.store, office.read_floor)))
    app.include_router(live_routes(partial(tell_live, connection), office.desk.now_ms))
