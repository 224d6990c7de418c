"""Do the shipped workflows, their suites, the published schema and the documentation of the format agree?"""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from orchestrator.adapters.workflow_file import load_workflow
from orchestrator.adapters.workflow_file.schema import WORKFLOW_SCHEMA, schema_text
from orchestrator.domain.workflow import NodeKind

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "workflows").glob("*.yaml"))
SUITES = sorted((ROOT / "workflows" / "suites").glob("*.yaml"))
RETAIL_TOOLS = [
    "calculate",
    "cancel_pending_order",
    "exchange_delivered_order_items",
    "find_user_id_by_email",
    "find_user_id_by_name_zip",
    "get_item_details",
    "get_order_details",
    "get_product_details",
    "get_user_details",
    "list_all_product_types",
    "modify_pending_order_address",
    "modify_pending_order_items",
    "modify_pending_order_payment",
    "modify_user_address",
    "return_delivered_order_items",
    "transfer_to_human_agents",
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_workflow_loads_and_has_promises(path: Path) -> None:
    tools = frozenset({"code.run", *(f"retail.{name}" for name in RETAIL_TOOLS)})
    profiles = frozenset({"fast", "balanced", "powerful"})
    workflow = load_workflow(path.read_bytes(), file_name=path.name, known_tools=tools, known_profiles=profiles)
    assert workflow.name == path.stem
    assert workflow.slos.objectives
    asked = [workflow.nodes[edge.source] for edge in workflow.edges if edge.condition is not None]
    assert all(node.output_schema for node in asked if node.kind is NodeKind.SIMPLE)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_published_schema_accepts_every_shipped_workflow(path: Path) -> None:
    published = json.loads((ROOT / "workflows" / "workflow.schema.json").read_text())
    jsonschema_rs.validate(published, yaml.safe_load(path.read_text()))


def test_the_published_schema_is_up_to_date() -> None:
    assert (ROOT / "workflows" / "workflow.schema.json").read_text() == schema_text()
    jsonschema_rs.meta.validate(WORKFLOW_SCHEMA)


def test_every_shipped_workflow_has_a_suite_of_its_name() -> None:
    """Whether a suite loads is asked in tests/unit/hil/eval."""
    assert {path.name for path in SHIPPED} <= {path.name for path in SUITES}


def test_the_documentation_names_every_field_of_the_format() -> None:
    documentation = (ROOT / "docs" / "workflow-format.md").read_text()
    assert field_names(WORKFLOW_SCHEMA) - set(re.findall(r"\w+", documentation)) == set()


def field_names(schema: object) -> set[str]:
    """Every key of every `properties` in `schema`."""
    if isinstance(schema, list):
        return set().union(*map(field_names, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})).union(*map(field_names, schema.values()))
