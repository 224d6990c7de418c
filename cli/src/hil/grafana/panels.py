"""How is a dashboard described, and what does Grafana want to read?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

Unit = Literal["short", "percentunit", "s", "currencyUSD", "ops", "none"]
COLUMNS, HEIGHT, STAT_HEIGHT = 24, 8, 4
SOURCE: JsonValue = {"type": "prometheus", "uid": "${datasource}"}
SCHEMA_VERSION = 39
"""That of Grafana 11; newer ones migrate it when they read it."""


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and what its series are called."""

    expression: str
    legend: str = "__auto"


@dataclass(frozen=True, slots=True)
class Panel:
    """`is_stacked`: parts of a whole. A `stat` shows the newest value alone."""

    title: str
    unit: Unit
    queries: tuple[Query, ...]
    description: str = ""
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 12
    is_stacked: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """A list above the dashboard to choose values of a label from."""

    name: str
    metric: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`uid` stands in links, so it never changes."""

    uid: str
    title: str
    description: str
    panels: tuple[Panel, ...]
    variables: tuple[Variable, ...] = ()


def document(dashboard: Dashboard) -> JsonValue:
    """What is imported."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["hil"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [_source_variable(), *map(_variable, dashboard.variables)]},
        "panels": list(_placed(dashboard.panels)),
    }


def _placed(panels: Sequence[Panel]) -> Iterator[JsonValue]:
    """From left to right, a new row where one is full."""
    x = y = row_height = 0
    for number, panel in enumerate(panels, start=1):
        height = STAT_HEIGHT if panel.kind == "stat" else HEIGHT
        if x + panel.width > COLUMNS:
            x, y, row_height = 0, y + row_height, 0
        yield _panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": height})
        x, row_height = x + panel.width, max(row_height, height)


def _panel(panel: Panel, number: int, place: dict[str, JsonValue]) -> JsonValue:
    targets: list[JsonValue] = [
        {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query.expression, "legendFormat": query.legend}
        for index, query in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, **_limits(panel.unit), "custom": _custom(panel)},
            "overrides": [],
        },
        "options": _options(panel),
    }


def _limits(unit: Unit) -> dict[str, JsonValue]:
    return {"min": 0, "max": 1} if unit == "percentunit" else {"min": 0}


def _custom(panel: Panel) -> JsonValue:
    if panel.kind == "stat":
        return {}
    stacking: JsonValue = {"mode": "normal", "group": "A"} if panel.is_stacked else {"mode": "none"}
    return {"fillOpacity": 40 if panel.is_stacked else 8, "lineWidth": 2, "showPoints": "never", "stacking": stacking}


def _options(panel: Panel) -> JsonValue:
    if panel.kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "graphMode": "area"}
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _source_variable() -> JsonValue:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _variable(variable: Variable) -> JsonValue:
    query = f"label_values({variable.metric}, {variable.name})"
    return {
        "name": variable.name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": variable.name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"], "selected": True},
    }
