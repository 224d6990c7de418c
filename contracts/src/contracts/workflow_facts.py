"""What do other services need to know of the version of a workflow that is in force?"""

from pydantic import BaseModel, ConfigDict

from contracts.kpis import HandlingBaseline
from contracts.objectives import Slos
from contracts.subjects import check_token

EVERY_TENANT = "_all"
"""Tenant token of workflows that every tenant may use, unless it has its own of the same name."""


class WorkflowFacts(BaseModel):
    """The value of a key in the bucket `hil_workflow_facts`; written by whoever puts a version in force."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    workflow: str
    version: str
    content_hash: str
    slos: Slos = Slos()
    baseline: HandlingBaseline = HandlingBaseline()


def facts_key(tenant: str, workflow: str) -> str:
    """`EVERY_TENANT`: of the version for tenants that have no version of their own."""
    return f"{check_token(tenant, what='tenant')}.{check_token(workflow, what='workflow')}"
