"""How do other services hear of what the version in force promises?"""

from nats.js.kv import KeyValue

from contracts.streams import WORKFLOW_FACTS_BUCKET
from contracts.workflow_facts import WorkflowFacts, facts_key
from orchestrator.adapters.workflow_records import put_surely, read_value
from orchestrator.domain.workflow import Workflow
from service_kit.connection import Connection


async def put_facts(connection: Connection, tenant: str, workflow: Workflow) -> None:
    """Tell of this version; raises RetryLater."""
    facts = WorkflowFacts(
        workflow=workflow.name,
        version=workflow.version,
        content_hash=workflow.content_hash,
        slos=workflow.slos,
        baseline=workflow.baseline,
    )
    value = facts.model_dump_json().encode()
    await put_surely(connection, facts_key(tenant, workflow.name), value, bucket=WORKFLOW_FACTS_BUCKET)


async def told_of(connection: Connection, tenant: str, name: str) -> str | None:
    """Content hash of the version that was told of last; raises RetryLater."""
    stream, prefix = f"KV_{WORKFLOW_FACTS_BUCKET}", f"$KV.{WORKFLOW_FACTS_BUCKET}."
    bucket = KeyValue(name=WORKFLOW_FACTS_BUCKET, stream=stream, pre=prefix, js=connection.jetstream, direct=False)
    value = await read_value(bucket, facts_key(tenant, name))
    return None if value is None else WorkflowFacts.model_validate_json(value).content_hash
