"""Which Prometheus rule file judges the promises of a workflow as analytics does?

Prometheus sees less: a counter that appears with its first event lacks that event (there is nothing to take the
difference from), increases are extrapolated to the edges of their window, percentiles are those of its buckets, and
the workflows beyond the first hundred share one label."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from analytics.domain import prometheus_expressions as promql
from analytics.domain.alert_rules import FOR_SECONDS, KEEP_FIRING_SECONDS, SILENCE_SECONDS, AlertRule, BurnAlert
from analytics.domain.cells import MINUTE_MS


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule."""

    name: str
    expression: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule."""

    name: str
    expression: str
    labels: Mapping[str, str]
    summary: str


def rule_file(workflow: str, alerts: Iterable[AlertRule], bucket_seconds: Collection[float]) -> str:
    """YAML for Prometheus 2.42 or newer (the first with `keep_firing_for`). `bucket_seconds` are the upper edges of
    `hil_execution_seconds`: slow executions can only be counted above one of them. What cannot be exported is named."""
    known = {alert: promql.why_not_exported(alert, bucket_seconds) for alert in alerts}
    exported = [alert for alert, reason in known.items() if reason is None]
    lines = [
        f"# The promises of the workflow {json.dumps(workflow)}, for Prometheus 2.42 or newer. A window longer than",
        "# Prometheus keeps samples (15 days by default) needs a longer --storage.tsdb.retention.time.",
        *(f"# Not here: {alert.slo} ({alert.severity}): {reason}." for alert, reason in known.items() if reason),
        "groups:" if exported else "groups: []",
    ]
    if exported:
        lines += [
            f"  - name: {json.dumps(f'hil-slo-{workflow}')}",
            f"    interval: {MINUTE_MS // 1_000}s",
            "    rules:",
        ]
    for record in _records(exported):
        lines += _rule_lines("record", record.name, record.expression, record.labels)
    for alert in map(_alert, exported):
        lines += _alert_lines(alert)
    return "\n".join(lines) + "\n"


def _records(alerts: Iterable[AlertRule]) -> Iterator[Record]:
    """Each window of each objective once, whichever alerts ask for it."""
    seen: set[tuple[str, str]] = set()
    for alert in alerts:
        if not isinstance(alert, BurnAlert):
            continue
        windows = {seconds for pair in alert.pairs for seconds in (pair.short_seconds, pair.long_seconds)}
        labels = {"workflow": alert.workflow, "slo": alert.slo}
        for seconds in sorted(windows | {SILENCE_SECONDS}):
            suffix = f"increase{promql.duration(seconds)}"
            if (alert.slo, suffix) not in seen:
                seen.add((alert.slo, suffix))
                yield Record(f"hil:slo_events:{suffix}", promql.events(alert, seconds), labels)
                yield Record(f"hil:slo_bad_events:{suffix}", promql.bad_events(alert, seconds), labels)


def _alert(alert: AlertRule) -> Alert:
    is_burn = isinstance(alert, BurnAlert)
    return Alert(
        name=promql.BURN_ALERT if is_burn else promql.BOUND_ALERT,
        expression=promql.condition(alert),
        labels={"severity": alert.severity, "workflow": alert.workflow, "slo": alert.slo},
        summary=(
            f"{alert.workflow}: the error budget of {alert.slo} is spent too fast"
            if is_burn
            else f"{alert.workflow}: {alert.slo}"
        ),
    )


def _alert_lines(alert: Alert) -> list[str]:
    return [
        *_rule_lines("alert", alert.name, alert.expression, alert.labels),
        f"        for: {promql.duration(FOR_SECONDS)}",
        f"        keep_firing_for: {promql.duration(KEEP_FIRING_SECONDS)}",
        f"        annotations: {{summary: {json.dumps(alert.summary)}}}",
    ]


def _rule_lines(kind: str, name: str, expression: str, labels: Mapping[str, str]) -> list[str]:
    pairs = ", ".join(f"{label}: {json.dumps(value)}" for label, value in labels.items())
    return [
        f"      - {kind}: {name}",
        "        expr: |-",
        *(f"          {line}" for line in expression.split("\n")),
        f"        labels: {{{pairs}}}",
    ]
