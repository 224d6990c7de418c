"""How does every orchestrator learn of every failed step, also of those before it started?"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from contracts.catalogue import UnreadableMessage, read_message
from contracts.completions import CompletionFailed
from contracts.envelope import Identity, derive_message_id
from contracts.executions import PatternDetected
from contracts.streams import LOG
from contracts.subjects import TOKEN, every_version_of, parse_subject
from contracts.tool_calls import ToolCallFailed
from orchestrator.domain.breaker import EXAMPLES_MAX, BreakerRule, Breakers, Failure, Place, failed, open_nodes
from service_kit.bus import publish
from service_kit.connection import Connection, Refused
from service_kit.entries import entry_id
from service_kit.errors import RetryLater
from service_kit.tasks import end_task

log = structlog.get_logger()
BATCH = 100


@dataclass(slots=True)
class FailureFeed:
    """Follows the failure facts of the stream and keeps the breakers."""

    connection: Connection
    rule: BreakerRule
    now_ms: Callable[[], int]
    breakers: Breakers = field(default_factory=Breakers)

    def open_breakers(self) -> frozenset[str]:
        """Nodes to be left alone now, as `<workflow>/<node>`."""
        return open_nodes(self.breakers, self.now_ms()) if self.breakers.open_until else frozenset()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set; begins anew from one window back whenever the server was away."""
        following = asyncio.create_task(self._follow_always())
        await stop.wait()
        await end_task(following)

    async def _follow_always(self) -> None:
        while True:
            try:
                await self._follow()
            except (NatsError, nats.js.errors.Error, TimeoutError) as error:
                log.warning("failure_feed.again", reason=type(error).__name__)
                await asyncio.sleep(1.0)

    async def _follow(self) -> None:
        since = datetime.fromtimestamp(self.now_ms() / 1000, UTC) - timedelta(milliseconds=self.rule.window_ms)
        filters = [every_version_of(kind.route) for kind in (CompletionFailed, ToolCallFailed)]
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_TIME,
            opt_start_time=since,
            filter_subjects=filters,
            inactive_threshold=60.0,
            mem_storage=True,
        )
        created = await self.connection.jetstream.add_consumer(LOG.name, config)
        subscription = await self.connection.jetstream.pull_subscribe_bind(consumer=created.name, stream=LOG.name)
        try:
            while True:
                try:
                    for msg in await subscription.fetch(BATCH, timeout=5):
                        await self._take(msg)
                except TimeoutError:
                    await subscription.consumer_info()  # Raises when the consumer is gone.
        finally:
            if self.connection.ready:
                await subscription.unsubscribe()

    async def _take(self, msg: Msg) -> None:
        try:
            message = read_message(msg.subject, msg.data)
        except UnreadableMessage:
            return
        assert isinstance(message, CompletionFailed | ToolCallFailed)
        subject = parse_subject(msg.subject)
        place = Place(subject.tenant, message.workflow, message.node, message.error_class)
        stored_ms = round(msg.metadata.timestamp.timestamp() * 1000)
        last = Failure(stored_ms, subject.key, entry_id(dict(msg.headers or {}), msg.metadata.sequence.stream))
        recent = (*self.breakers.failures.get(place, ()), last)[-self.rule.failures_min :]
        self.breakers, opened = failed(self.breakers, self.rule, place, last)
        if opened and TOKEN.match(place.workflow):  # A foreign worker may name none, or anything.
            await self._report(place, last, examples=sorted({failure.key for failure in recent}))

    async def _report(self, place: Place, last: Failure, *, examples: list[str]) -> None:
        """Say so once: every orchestrator derives the same id from the failure that opened the breaker."""
        pattern = PatternDetected(
            workflow=place.workflow,
            node=place.node,
            error_class=place.error_class,
            failures=self.rule.failures_min,
            window_seconds=self.rule.window_ms // 1000,
            breaker_open_until_ms=last.at_ms + self.rule.open_ms,
            executions=tuple(examples[:EXAMPLES_MAX]),
        )
        identity = Identity(place.tenant, place.workflow, derive_message_id(last.id, "pattern"), last.id)
        log.warning("breaker.opened", workflow=place.workflow, node=place.node, error_class=place.error_class)
        try:
            await publish(self.connection, pattern, identity)
        except (RetryLater, Refused) as error:
            log.error("pattern.not_published", reason=str(error))
