"""Are the Grafana dashboards those of the code, and does everything that they ask Prometheus exist?"""

import importlib
import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client import REGISTRY
from tests.support.deployment_files import OVERLAYS, rendered
from tests.support.promtool import promtool
from tests.support.source_shapes import SERVICES, package_of

from hil.grafana.dashboards import DASHBOARDS, MODELS, PEOPLE, WORKFLOWS
from hil.grafana.panels import COLUMNS, document
from hil.grafana.write import FOLDER, files

NAME = re.compile(r"\b((?:hil|gen_ai)_[a-z0-9_]+)\b")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
MATCHED = re.compile(r"[{,]\s*([a-z_]+)\s*(?:=~|!~|!=|=)\"")
WITH_UNIT = {"short", "percentunit", "s", "currencyUSD", "ops", "none"}
"""Ids of Grafana's units that we use; an unknown one is shown as a suffix."""
STAND_INS = {"$__rate_interval": "1m", "$__range": "1d", "$__interval_ms": "15000"}
"""A graph that shows every sample of a scrape each 15 s."""

each = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.uid)


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """Labels of each series that a service exposes, by its name, with those that histograms have besides."""
    for service in SERVICES:
        for file in package_of(service).rglob("*.py"):
            if "prometheus_client" in file.read_text():
                parts = file.relative_to(package_of(service).parent).with_suffix("").parts
                importlib.import_module(".".join(parts))
    importlib.import_module("service_kit.bus")
    importlib.import_module("cost_ledger")
    collectors: dict[str, Any] = vars(REGISTRY)["_names_to_collectors"]
    return {name: {*getattr(one, "_labelnames", ()), "le"} for name, one in collectors.items()}


def expressions(dashboard: Any) -> list[str]:
    return [query.expression for panel in dashboard.panels for query in panel.queries]


def test_the_files_are_those_of_the_code() -> None:
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == files(), "run `make catalogue`"
    listed = (FOLDER / "kustomization.yaml").read_text()
    assert [name for name in files() if name not in listed] == []


@each
def test_every_series_that_is_asked_for_is_exposed_with_its_labels(dashboard: Any, labels: dict[str, set[str]]) -> None:
    for expression in expressions(dashboard):
        names = set(NAME.findall(expression)) - {
            one for group in GROUPED.findall(expression) for one in NAME.findall(group)
        }
        names -= {one for one in MATCHED.findall(expression)}
        assert names, expression
        assert names <= set(labels), names - set(labels)
        used = {one.strip() for group in GROUPED.findall(expression) for one in group.split(",")}
        used |= set(MATCHED.findall(expression))
        for name in names:
            assert used <= labels[name], (expression, used - labels[name])


@each
def test_every_variable_lists_a_label_that_its_metric_has_and_every_one_is_used(
    dashboard: Any, labels: dict[str, set[str]]
) -> None:
    for variable in dashboard.variables:
        assert variable.name in labels[variable.metric]
    asked = " ".join(expressions(dashboard))
    known = {variable.name for variable in dashboard.variables}
    named = {one for one in re.findall(r"\$([a-z_]+)", asked) if not one.startswith("__")}
    assert named == known


@pytest.mark.parametrize("dashboard", [WORKFLOWS, MODELS, PEOPLE], ids=lambda one: one.uid)
def test_a_panel_is_of_the_chosen_values_or_says_that_it_is_of_all(dashboard: Any) -> None:
    [variable] = dashboard.variables
    for panel in dashboard.panels:
        asked = all(f'=~"${variable.name}"' in query.expression for query in panel.queries)
        assert asked or f"Of all {variable.name}s" in panel.description, panel.title


@each
def test_panels_have_ids_units_and_places_of_their_own(dashboard: Any) -> None:
    panels: Any = document(dashboard)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["fieldConfig"]["defaults"]["unit"] for panel in panels} <= WITH_UNIT
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= COLUMNS for panel in panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    for panel in panels:
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)


def test_the_component_gives_grafana_s_sidecar_what_it_looks_for(tmp_path: Path) -> None:
    bodies = rendered(OVERLAYS[0], tmp_path, components=["dashboards"])
    [found] = [one for one in bodies if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1"]
    assert found["kind"] == "ConfigMap"
    assert found["data"] == files()


def test_no_two_dashboards_share_an_id_or_a_title() -> None:
    assert len({one.uid for one in DASHBOARDS}) == len({one.title for one in DASHBOARDS}) == len(DASHBOARDS)


@each
def test_grafana_s_own_types_read_every_field(dashboard: Any) -> None:
    """What they do not know they leave out, and so it would be missing after the round."""
    assert lost_by_grafana(document(dashboard)) == []


def test_a_field_that_grafana_does_not_know_is_found_wherever_it_stands() -> None:
    odd: Any = json.loads(json.dumps(document(DASHBOARDS[0])))
    panel = odd["panels"][4]
    panel["gridPoss"] = panel["targets"][0]["exprr"] = panel["options"]["tooltipp"] = 1
    panel["fieldConfig"]["defaults"]["custom"]["lineWith"] = 2
    assert len(lost_by_grafana(odd)) == 4


def lost_by_grafana(written: Any) -> list[str]:
    """What its types do not take over."""
    register_default_plugins()  # Types of panels' options and of Prometheus' queries.
    return lost(written, json.loads(json.dumps(Dashboard.from_json(json.loads(json.dumps(written))), cls=JSONEncoder)))


def lost(written: Any, read: Any, path: str = "") -> list[str]:
    """Paths of what is in the first and not, or otherwise, in the second."""
    if isinstance(written, dict):
        if not isinstance(read, dict):
            return [path]
        return [one for key, value in written.items() for one in lost(value, read.get(key), f"{path}.{key}")]
    if isinstance(written, list):
        if not isinstance(read, list) or len(read) != len(written):
            return [path]
        return [one for index, value in enumerate(written) for one in lost(value, read[index], f"{path}[{index}]")]
    return [] if written == read else [f"{path}: {written!r} became {read!r}"]


@each
def test_promtool_reads_every_expression(dashboard: Any, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": filled(one)} for number, one in enumerate(expressions(dashboard))]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    command = [promtool(), "check", "rules", "rules.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_never_happened_is_zero_and_cost_is_seen_in_each_step_of_a_graph(tmp_path: Path) -> None:
    """Of a workflow that always fails, one that never does, and a cache that is never hit: samples each 15 s."""
    labels = 'workflow="{}",sink="FINISH",reason="none",success="{}"'
    series = [
        f"hil_executions_total{{{labels.format('bad', 'false')}}}",
        'hil_cost_microdollars_total{workflow="bad"}',
        'hil_completion_cost_microdollars_total{model="m"}',
        'hil_cache_lookups_total{tier="exact",result="miss"}',
    ]
    bad, good, cost, tier = '{workflow="bad"}', '{workflow="good"}', '{model="m"}', '{tier="exact"}'
    alone: dict[tuple[Any, str], dict[str, float]] = {
        (WORKFLOWS, "Success rate"): {"{}": 0},
        (WORKFLOWS, "Handover rate"): {"{}": 0},
        (WORKFLOWS, "Success rate by workflow"): {bad: 0},
        (WORKFLOWS, "Cost by workflow"): {bad: 1},
        (MODELS, "Cost by model"): {cost: 1},
        (MODELS, "Cache lookups that hit"): {tier: 0},
    }
    with_another = {
        (WORKFLOWS, "Success rate"): {"{}": 0.5},
        (WORKFLOWS, "Success rate by workflow"): {bad: 0, good: 1},
    }
    other = f"hil_executions_total{{{labels.format('good', 'true')}}}"
    assert disagreement(tmp_path, [evaluated(series, alone), evaluated([*series, other], with_another)]) == ""


def evaluated(series: list[str], expected: dict[tuple[Any, str], dict[str, float]]) -> dict[str, Any]:
    """What promtool has to find of panels after ten minutes in which each series grew by a million each 15 s."""
    return {
        "interval": "15s",
        "input_series": [{"series": one, "values": "0+1000000x40"} for one in series],
        "promql_expr_test": [
            {
                "expr": f"round({filled(expression_of(dashboard, title))}, 0.001)",
                "eval_time": "10m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
            }
            for (dashboard, title), samples in expected.items()
        ],
    }


def expression_of(dashboard: Any, title: str) -> str:
    return next(panel.queries[0].expression for panel in dashboard.panels if panel.title == title)


def disagreement(folder: Path, tests: list[dict[str, Any]]) -> str:
    (folder / "tests.yaml").write_text(json.dumps({"rule_files": [], "evaluation_interval": "15s", "tests": tests}))
    command = [promtool(), "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def filled(expression: str) -> str:
    """As Grafana sends it, with every value of each variable."""
    for name, value in STAND_INS.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$[a-z_]+", ".*", expression)
