"""How is a metric, and the condition of an alert, said in PromQL over what analytics exposes?

Bad and all events of each window are recorded first; conditions compare the records. An alert freezes without data as
ours do: its condition is also met while it fires already (`ALERTS`, as the evaluation before left it) and there is
nothing to say that it is over."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Final

from analytics.domain.alert_rules import SILENCE_SECONDS, AlertRule, BoundAlert, BurnAlert
from analytics.domain.bad_events import QUANTILES
from analytics.domain.burn_rates import BAD_ALONE, BAD_FEW, DAY, HOUR, MINUTE, Pair
from contracts.objectives import Bound, Metric

EXECUTIONS: Final = "hil_executions_total"
SECONDS: Final = "hil_execution_seconds"
COST: Final = "hil_cost_microdollars_total"
BURN_ALERT: Final = "HilErrorBudgetBurn"
BOUND_ALERT: Final = "HilBoundMet"

BAD_LABELS: Final[Mapping[Metric, Mapping[str, str]]] = {
    Metric.SUCCESS_RATE: {"success": "false"},
    Metric.ERROR_RATE: {"success": "false"},
    Metric.HANDOVER_RATE: {"sink": "HANDOVER"},
}


def duration(seconds: int) -> str:
    """In the largest unit that divides it: 5m, 6h, 3d."""
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if seconds % unit == 0:
            return f"{seconds // unit}{letter}"
    return f"{seconds}s"


def labels(values: Mapping[str, str]) -> str:
    """A label matcher."""
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in values.items()) + "}"


def increase(metric: str, matched: Mapping[str, str], seconds: int) -> str:
    """How much the counters with these labels grew in a window."""
    return f"sum(increase({metric}{labels(matched)}[{duration(seconds)}]))"


def events(alert: AlertRule, seconds: int) -> str:
    """The events that are good or bad."""
    metric = f"{SECONDS}_count" if alert.bound.metric in QUANTILES else EXECUTIONS
    return increase(metric, {"workflow": alert.workflow}, seconds)


def bad_events(alert: BurnAlert, seconds: int) -> str:
    """The events that spend the budget."""
    of_workflow = {"workflow": alert.workflow}
    if alert.bound.metric in QUANTILES:
        within = {**of_workflow, "le": str(alert.bound.threshold / 1_000)}
        return f"{events(alert, seconds)} - {increase(f'{SECONDS}_bucket', within, seconds)}"
    return increase(EXECUTIONS, {**of_workflow, **BAD_LABELS[alert.bound.metric]}, seconds)


def why_not_exported(alert: AlertRule, bucket_seconds: Collection[float]) -> str | None:
    """None if Prometheus can judge the alert with the metrics there are."""
    match alert.bound:
        case Bound(metric=Metric.INTERVENTION_RATE | Metric.CSAT):
            return "analytics exposes no metric for it"
        case Bound(metric=metric, threshold=threshold) if metric in QUANTILES and isinstance(alert, BurnAlert):
            is_edge = threshold / 1_000 in bucket_seconds
            return None if is_edge else f"{threshold:g} ms is no bucket of {SECONDS}"
        case _:
            return None


def condition(alert: AlertRule) -> str:
    """What must be true for the alert to fire, or to go on firing."""
    if isinstance(alert, BurnAlert):
        met = "\nor ".join(_burns(alert, pair) for pair in alert.pairs)
        return f"{met}\nor ({_firing(BURN_ALERT, alert)} unless {recorded('events', alert, SILENCE_SECONDS)} > 0)"
    enough = f"{events(alert, alert.window_seconds)} >= {alert.minimum_events}"
    bound = f"{_value(alert)} {alert.bound.comparison} {alert.bound.threshold!r}"
    return f"({bound} and {enough})\nor ({_firing(BOUND_ALERT, alert)} unless {enough})"


def recorded(what: str, alert: AlertRule, seconds: int) -> str:
    """The record of `events` or `bad_events` of an objective."""
    return f"hil:slo_{what}:increase{duration(seconds)}" + labels({"workflow": alert.workflow, "slo": alert.slo})


def _burns(alert: BurnAlert, pair: Pair) -> str:
    long, short = pair.long_seconds, pair.short_seconds
    bad, all_events = recorded("bad_events", alert, long), recorded("events", alert, long)
    bad_lately, all_lately = recorded("bad_events", alert, short), recorded("events", alert, short)
    return (
        "(\n"
        f"  {bad} / {all_events} > {pair.bad_share!r}\n"
        f"  and {bad_lately} / {all_lately} > {pair.bad_share!r}\n"
        f"  and ({bad} >= {BAD_ALONE} or ({bad} >= {BAD_FEW} and {all_events} >= {alert.minimum_events}))\n"
        ")"
    )


def _firing(name: str, alert: AlertRule) -> str:
    of_alert = {"workflow": alert.workflow, "slo": alert.slo, "severity": alert.severity}
    kept = "max by (workflow, slo)" if isinstance(alert, BurnAlert) else "max"
    return f"{kept} (ALERTS{labels({'alertname': name, 'alertstate': 'firing', **of_alert})})"


def _value(alert: BoundAlert) -> str:
    metric, seconds, of_workflow = alert.bound.metric, alert.window_seconds, {"workflow": alert.workflow}
    if metric in QUANTILES:
        buckets = f"sum by (le) (increase({SECONDS}_bucket{labels(of_workflow)}[{duration(seconds)}]))"
        return f"1000 * histogram_quantile({QUANTILES[metric]}, {buckets})"
    parts: dict[Metric, Callable[[], str]] = {
        Metric.SUCCESS_RATE: lambda: increase(EXECUTIONS, {**of_workflow, "success": "true"}, seconds),
        Metric.ERROR_RATE: lambda: increase(EXECUTIONS, {**of_workflow, "success": "false"}, seconds),
        Metric.HANDOVER_RATE: lambda: increase(EXECUTIONS, {**of_workflow, "sink": "HANDOVER"}, seconds),
        Metric.COST_PER_REQUEST: lambda: f"{increase(COST, of_workflow, seconds)} / 1e6",
    }
    return f"({parts[metric]()} or vector(0)) / {events(alert, seconds)}"
