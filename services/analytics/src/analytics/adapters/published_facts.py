"""Which promises of a workflow are in force for a tenant?"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import structlog
from nats.js.kv import KeyValue
from pydantic import ValidationError

from contracts.kpis import HandlingBaseline
from contracts.workflow_facts import EVERY_TENANT, WorkflowFacts
from service_kit.watched_bucket import is_deleted

log = structlog.get_logger()


@dataclass(slots=True)
class PublishedFacts:
    """The bucket of workflow facts, as `watched` keeps it up to date. Small: one entry for each workflow in force."""

    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _facts: dict[str, WorkflowFacts] = field(default_factory=dict)

    def apply(self, entry: KeyValue.Entry | None) -> None:
        """Take over one entry; what this build cannot read is as if it were not there, and said."""
        if entry is None:
            self.loaded.set()
        elif is_deleted(entry):
            self._facts.pop(entry.key, None)
        else:
            try:
                self._facts[entry.key] = WorkflowFacts.model_validate_json(entry.value or b"")
            except ValidationError as error:
                log.error("workflow_facts.unreadable", key=entry.key, problems=error.error_count())

    def of(self, tenant: str, workflow: str) -> WorkflowFacts | None:
        """Of the tenant's own version, or of that for every tenant."""
        return self._facts.get(f"{tenant}.{workflow}") or self._facts.get(f"{EVERY_TENANT}.{workflow}")

    def baseline_of(self, tenant: str, workflow: str) -> HandlingBaseline:
        """What a person would take for an execution: as the version in force declares it, or the default."""
        known = self.of(tenant, workflow)
        return HandlingBaseline() if known is None else known.baseline

    def promises(
        self, seen: Iterable[tuple[str, str]], *, tenants: Collection[str] | None = None
    ) -> dict[tuple[str, str], WorkflowFacts]:
        """By (tenant, workflow): of tenants that have a version of their own, and of those that were seen to use one
        for every tenant. Of these tenants alone; None is every one."""
        pairs = (key.partition(".") for key in self._facts)
        named = {
            (tenant, workflow)
            for tenant, _, workflow in pairs
            if tenant != EVERY_TENANT and (tenants is None or tenant in tenants)
        }
        known = {pair: self.of(*pair) for pair in sorted(named.union(seen))}
        return {pair: facts for pair, facts in known.items() if facts is not None}
