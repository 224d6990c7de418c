"""Which experiments does a tenant have, and how does one start and stop?"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from pydantic import ValidationError

from contracts.catalogue import describe
from contracts.experiments import Arm, ExperimentRefused, Experiments, Split
from contracts.streams import EXPERIMENTS_BUCKET
from contracts.subjects import check_token
from contracts.workflow_facts import EVERY_TENANT
from orchestrator.adapters.workflow_records import WRITES_MAX, translated
from orchestrator.adapters.workflow_registry import WorkflowRegistry
from service_kit.connection import Connection
from service_kit.errors import RetryLater

log = structlog.get_logger()

Change = Callable[[Experiments], Experiments]


@dataclass(slots=True)
class RunningExperiments:
    """Kept up to date by a watch of the bucket; looks up without waiting."""

    _by_tenant: dict[str, Mapping[str, Split]] = field(default_factory=dict)

    def of(self, tenant: str) -> Mapping[str, Split]:
        """Those that run, by name of the workflow."""
        return self._by_tenant.get(tenant, {})

    async def apply(self, key: str, value: bytes | None) -> None:
        """Take over one entry of the bucket; what cannot be read is told and changes nothing."""
        try:
            found = Experiments() if value is None else Experiments.model_validate_json(value)
        except ValidationError as error:
            log.error("experiments.unreadable", tenant=key, problem=describe(error))
            return
        self._by_tenant[key] = found.running()


async def read_experiments(connection: Connection, tenant: str) -> Experiments:
    """All of a tenant. Raises RetryLater."""
    return (await _read(_bucket(connection), tenant))[0]


async def change_experiments(connection: Connection, tenant: str, change: Change) -> Experiments:
    """Change what a tenant has, one writer after the other. Raises what `change` raises, or RetryLater."""
    bucket = _bucket(connection)
    for _ in range(WRITES_MAX):
        before, revision = await _read(bucket, tenant)
        after = change(before)
        if after is before:
            return before
        with translated(f"experiments of {tenant}"), suppress(KeyWrongLastSequenceError):
            await bucket.update(tenant, after.model_dump_json().encode(), last=revision)
            return after
    raise RetryLater(f"experiments of {tenant} are being changed by others all the time")


async def arms_of(
    registry: WorkflowRegistry, tenant: str, workflow: str, shares: Sequence[tuple[str, int]]
) -> tuple[Arm, ...]:
    """Published versions of a workflow that is in force, as arms with these percents. Raises ExperimentRefused, or
    RetryLater."""
    if workflow not in registry.routes(tenant):
        raise ExperimentRefused(f"workflow {workflow!r} is not in force for {tenant}; publish it first")
    published: dict[str, str] = {}
    for owner in (EVERY_TENANT, tenant):
        history = await registry.history(owner, workflow)
        published |= {known.version: known.content_hash for known in history.versions}
    for version, _ in shares:
        if version not in published:
            raise ExperimentRefused(f"{workflow} has no version {version}; there are {', '.join(published)}")
    return tuple(Arm(version=version, content_hash=published[version], percent=percent) for version, percent in shares)


def _bucket(connection: Connection) -> KeyValue:
    """Reads go to the leader, as those of workflow versions do."""
    stream, prefix = f"KV_{EXPERIMENTS_BUCKET}", f"$KV.{EXPERIMENTS_BUCKET}."
    return KeyValue(name=EXPERIMENTS_BUCKET, stream=stream, pre=prefix, js=connection.jetstream, direct=False)


async def _read(bucket: KeyValue, tenant: str) -> tuple[Experiments, int]:
    key = check_token(tenant, what="tenant")
    with translated(f"experiments of {tenant}"):
        try:
            entry = await bucket.get(key)
        except KeyNotFoundError:
            return Experiments(), 0
    return Experiments.model_validate_json(entry.value or b""), entry.revision or 0
