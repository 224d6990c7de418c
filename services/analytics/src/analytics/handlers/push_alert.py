"""An alert has changed: is its receiver told, and of this change?"""

from dataclasses import dataclass

import structlog

from analytics.adapters.alert_documents import AlertDocuments
from analytics.adapters.webhook import Webhook
from analytics.domain.alert_payload import payload
from analytics.domain.watched_alert import alert_id
from contracts.alerts import AlertChanged
from service_kit.bus import Delivery

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PushAlert:
    """Without a webhook alerts are on the bus, and nobody is told."""

    alerts: AlertDocuments
    webhook: Webhook | None

    async def __call__(self, delivery: Delivery) -> None:
        """Raises RetryLater until the receiver has taken it. A change that comes late, because the receiver was away,
        is left out where a newer one was told: else it would hear of the end before the beginning, and keep that."""
        change = delivery.message
        assert isinstance(change, AlertChanged)
        if self.webhook is None or not change.routed:
            return
        known = await self.alerts.one(alert_id(delivery.subject.tenant, change))
        if known is not None and known.told_ms > change.at_ms:
            log.info("alert.superseded", workflow=change.workflow, slo=change.slo, severity=change.severity)
            return
        await self.webhook.post(payload(delivery.subject.tenant, change))
