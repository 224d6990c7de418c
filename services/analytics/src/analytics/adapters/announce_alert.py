"""How does the bus hear that an alert has changed?"""

from analytics.domain.watched_alert import WatchedAlert
from contracts.alerts import AlertChanged
from contracts.envelope import Identity, derive_message_id
from service_kit.bus import publish
from service_kit.connection import Connection


async def announce_alert(connection: Connection, tenant: str, alert: WatchedAlert, change: AlertChanged) -> None:
    """The id follows from the alert and the minute: who judges a minute again says nothing new. Raises RetryLater."""
    minute = f"minute:{change.at_ms}"
    identity = Identity(tenant, change.workflow, derive_message_id(minute, f"alert/{alert.id}"), minute)
    await publish(connection, change, identity)
