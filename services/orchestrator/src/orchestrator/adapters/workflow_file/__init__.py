"""How does a workflow file become a `Workflow`, and what is said about one that cannot?"""

from orchestrator.adapters.workflow_file.load import load_workflow
from orchestrator.adapters.workflow_file.report import WorkflowError, WorkflowErrors

__all__ = ["WorkflowError", "WorkflowErrors", "load_workflow"]
