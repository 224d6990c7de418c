"""What does a receiver of Alertmanager's webhooks get when an alert begins or ends?

The names and labels are those of the rules that are exported for Prometheus, so that one route of a receiver serves
both. Format: Prometheus' documentation of Alertmanager, `webhook_config`, version 4."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue

from analytics.domain.prometheus_expressions import BOUND_ALERT, BURN_ALERT
from contracts.alerts import AlertChanged

NO_END: Final = "0001-01-01T00:00:00Z"
"""How Alertmanager writes that an alert has no end yet."""


def payload(tenant: str, change: AlertChanged) -> dict[str, JsonValue]:
    """A group of this one alert. It is `firing` while the alert fires and `resolved` in every other phase."""
    is_firing = change.after == "firing"
    labels: dict[str, JsonValue] = {
        "alertname": BURN_ALERT if change.kind == "burn" else BOUND_ALERT,
        "severity": change.severity,
        "tenant": tenant,
        "workflow": change.workflow,
        "slo": change.slo,
    }
    status = "firing" if is_firing else "resolved"
    alert: dict[str, JsonValue] = {
        "status": status,
        "labels": labels,
        "annotations": {"summary": _summary(change)},
        "startsAt": _rfc3339(change.firing_since_ms or change.at_ms),
        "endsAt": NO_END if is_firing else _rfc3339(change.at_ms),
        "generatorURL": "",
        "fingerprint": _fingerprint(labels),
    }
    return {
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "hil",
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": alert["annotations"],
        "externalURL": "",
        "alerts": [alert],
    }


def _summary(change: AlertChanged) -> str:
    if change.kind == "burn":
        return f"{change.workflow}: the error budget of {change.slo} ({change.condition}) is spent too fast"
    return f"{change.workflow}: {change.condition}"


def _fingerprint(labels: Mapping[str, JsonValue]) -> str:
    named = "\xff".join(f"{name}\xff{value}" for name, value in sorted(labels.items()))
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def _rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
