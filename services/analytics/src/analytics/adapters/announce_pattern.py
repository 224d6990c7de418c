"""How does the bus hear that a node fails as it did not use to?"""

from collections.abc import Sequence

from analytics.domain.failure_patterns import Pattern, Place
from contracts.envelope import Identity, derive_message_id
from contracts.executions import PatternDetected
from service_kit.bus import publish
from service_kit.connection import Connection


async def announce_pattern(connection: Connection, place: Place, pattern: Pattern, examples: Sequence[str]) -> None:
    """The id follows from the place and the minute: who judges a minute again says nothing new. Raises RetryLater."""
    minute = f"minute:{pattern.opened_ms}"
    name = f"pattern/{place.tenant}/{place.workflow}/{place.node}/{place.error_class}"
    told = PatternDetected(
        workflow=place.workflow,
        node=place.node,
        error_class=place.error_class,
        failures=pattern.failures,
        window_seconds=pattern.window_ms // 1_000,
        breaker_open_until_ms=0,
        executions=tuple(examples),
        runs=pattern.runs,
        base_rate=pattern.base_rate,
    )
    await publish(connection, told, Identity(place.tenant, place.workflow, derive_message_id(minute, name), minute))
