"""Which version of a workflow is in force for a tenant, and what does a version say (SPEC O9)?"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from nats.js.kv import KeyValue

from contracts.streams import WORKFLOWS_BUCKET
from contracts.subjects import TOKEN, check_token
from contracts.workflow_facts import EVERY_TENANT
from orchestrator.adapters.watch_bucket import following
from orchestrator.adapters.workflow_facts import put_facts, told_of
from orchestrator.adapters.workflow_file import WorkflowErrors, load_workflow
from orchestrator.adapters.workflow_history import HistoryRefused, PublishedVersion, WorkflowHistory
from orchestrator.adapters.workflow_records import (
    Change,
    bring_into_force,
    change_history,
    put_surely,
    read_history,
    read_value,
)
from orchestrator.domain.workflow import Workflow
from service_kit.connection import Connection
from service_kit.errors import RetryLater

log = structlog.get_logger()

WORKFLOWS_CACHED_MAX = 256
TENANTS_CACHED_MAX = 1_000
START_SECONDS_MAX = 3.0


@dataclass(slots=True)
class WorkflowRegistry:
    """Looks up without waiting; `opened` keeps it up to date. Writing methods raise HistoryRefused, WorkflowErrors or
    RetryLater."""

    connection: Connection
    bucket: KeyValue
    _defaults: dict[str, dict[str, str]] = field(default_factory=dict)
    _published: dict[str, set[str]] = field(default_factory=dict)
    _routes: dict[str, str] = field(default_factory=dict)
    _merged: dict[str, Mapping[str | None, str]] = field(default_factory=dict)
    _loaded: "OrderedDict[str, Workflow]" = field(default_factory=OrderedDict)
    _follows: bool = False

    def routes(self, tenant: str) -> Mapping[str | None, str]:
        """Content hash in force by workflow name; None is the tenant's route for messages that name no workflow."""
        merged = self._merged.get(tenant)
        if merged is None:
            merged = self._merge(tenant)
            if len(self._merged) >= TENANTS_CACHED_MAX:
                self._merged.clear()
            self._merged[tenant] = merged
        return merged

    def known(self, content_hash: str) -> Workflow | None:
        """A version that this process has read before; None says `load` it."""
        workflow = self._loaded.get(content_hash)
        if workflow is not None:
            self._loaded.move_to_end(content_hash)
        return workflow

    async def load(self, content_hash: str) -> Workflow | None:
        """A version by its hash; None when it was never published or this build cannot read it. Raises RetryLater."""
        found = self.known(content_hash)
        if found is not None:
            return found
        source = await read_value(self.bucket, f"version.{content_hash}") if TOKEN.match(content_hash) else None
        if source is None:
            return None
        try:
            return self._keep(load_workflow(source, file_name=f"version {content_hash[:12]}"))
        except WorkflowErrors as errors:
            log.error("workflow.unreadable", content_hash=content_hash, errors=str(errors)[:2_000])
            return None

    async def look_again(self, tenant: str, name: str | None) -> None:
        """Read what is in force for a name, None for the tenant's route, from the bucket itself: a change reaches this
        process in milliseconds, but a message that relies on it may come sooner. Raises RetryLater."""
        for owner in (EVERY_TENANT, tenant):
            if name is None:
                route = await read_value(self.bucket, f"route.{owner}")
                self._set_route(owner, route.decode() if route is not None else None)
            wanted = name if name is not None else self._routes.get(owner)
            if wanted is not None and TOKEN.match(wanted):
                content_hash = await read_value(self.bucket, f"default.{owner}.{wanted}")
                self._set_default(owner, wanted, content_hash.decode() if content_hash is not None else None)

    async def publish(self, source: bytes, *, tenant: str, file_name: str) -> Workflow:
        """Store a version without putting it in force. The same bytes are the same version; the same name and version
        string with other bytes are refused."""
        workflow = load_workflow(source, file_name=file_name)
        await put_surely(self.connection, f"version.{workflow.content_hash}", source)
        published = PublishedVersion(version=workflow.version, content_hash=workflow.content_hash)
        await change_history(self.bucket, tenant, workflow.name, lambda history: history.with_version(published))
        return self._keep(workflow)

    async def publish_as_default(self, source: bytes, *, tenant: str, file_name: str) -> Workflow:
        """Store a version and put it in force for the tenant."""
        workflow = await self.publish(source, tenant=tenant, file_name=file_name)
        await self.set_default(tenant, workflow.name, workflow.content_hash)
        return workflow

    async def set_default(self, tenant: str, name: str, content_hash: str) -> None:
        """Put a published version in force; executions that are open stay on theirs."""
        await self._put_in_force(tenant, name, lambda history: history.with_default(content_hash))

    async def rollback(self, tenant: str, name: str, to_version: str | None = None) -> str:
        """Put an older version in force, None the one before the present; its content hash."""
        back: Change = (lambda h: h.rolled_back()) if to_version is None else (lambda h: h.rolled_back_to(to_version))
        return await self._put_in_force(tenant, name, back)

    async def set_route(self, tenant: str, name: str) -> None:
        """Messages of the tenant that name no workflow take this one."""
        if name not in self._own_and_shared(tenant) and (await self.history(tenant, name)).in_force is None:
            raise HistoryRefused(f"tenant {tenant} has no workflow {name!r} in force")
        await put_surely(self.connection, f"route.{check_token(tenant, what='tenant')}", name.encode())
        self._set_route(tenant, name)

    async def history(self, tenant: str, name: str) -> WorkflowHistory:
        """Every version of a name, in the order of publishing, and those that were in force. Raises RetryLater."""
        return (await read_history(self.bucket, tenant, name))[0]

    def workflows(self, tenant: str) -> tuple[str, ...]:
        """Names of which exactly this tenant has a version, in force or not."""
        return tuple(sorted(self._published.get(tenant, ())))

    def route(self, tenant: str) -> str | None:
        """Name of the workflow of exactly this tenant's messages that name none."""
        return self._routes.get(tenant)

    async def load_in_force(self) -> None:
        """Read what is in force, once the history is behind; from then on what comes into force is read as it comes.

        When the server is away the rest is read when it is needed: a start must not fail because of that."""
        self._follows = True
        in_force = [(tenant, *one) for tenant, names in self._defaults.items() for one in names.items()]
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                for tenant, name, content_hash in in_force[:WORKFLOWS_CACHED_MAX]:
                    await self.load(content_hash)
                    if await told_of(self.connection, tenant, name) != content_hash:
                        await self._put_in_force(tenant, name, lambda history: history)
        except (RetryLater, TimeoutError) as error:
            log.warning("workflow.read_later", reason=repr(error))

    async def apply(self, key: str, value: bytes | None) -> None:
        """Take over one entry of the bucket; repeats do no harm."""
        kind, _, rest = key.partition(".")
        tenant, _, name = rest.partition(".")
        text = None if value is None else value[:256].decode(errors="replace")
        if kind == "route":
            self._set_route(rest, text)
        elif kind == "history":
            self._published.setdefault(tenant, set()).add(name)
        elif kind == "default":
            if text is not None and self._follows:
                await self.load(text)  # Known before it is in force, so that a lookup need not wait.
            self._set_default(tenant, name, text)

    async def _put_in_force(self, tenant: str, name: str, change: Change) -> str:
        async def announce(content_hash: str) -> None:
            workflow = await self.load(content_hash)
            if workflow is not None:
                await put_facts(self.connection, tenant, workflow)

        content_hash = await bring_into_force(
            self.connection, self.bucket, tenant, name, change=change, announce=announce
        )
        self._set_default(tenant, name, content_hash)
        return content_hash

    def _merge(self, tenant: str) -> Mapping[str | None, str]:
        merged: dict[str | None, str] = {}
        merged.update(self._own_and_shared(tenant))
        route = self._routes.get(tenant, self._routes.get(EVERY_TENANT))
        if route in merged:
            merged[None] = merged[route]
        return merged

    def _own_and_shared(self, tenant: str) -> dict[str, str]:
        return {**self._defaults.get(EVERY_TENANT, {}), **self._defaults.get(tenant, {})}

    def _set_default(self, tenant: str, name: str, content_hash: str | None) -> None:
        names = self._defaults.setdefault(tenant, {})
        if content_hash is None:
            names.pop(name, None)
        else:
            names[name] = content_hash
        self._merged.clear()

    def _set_route(self, tenant: str, name: str | None) -> None:
        if name is None:
            self._routes.pop(tenant, None)
        else:
            self._routes[tenant] = name
        self._merged.clear()

    def _keep(self, workflow: Workflow) -> Workflow:
        self._loaded[workflow.content_hash] = workflow
        while len(self._loaded) > WORKFLOWS_CACHED_MAX:
            self._loaded.popitem(last=False)
        return workflow


@asynccontextmanager
async def opened(connection: Connection) -> AsyncIterator[WorkflowRegistry]:
    """A registry that has read everything and follows every change for as long as the block runs.

    Reads go to the leader: a replica may not have what was written a moment ago. Raises RetryLater."""
    stream, prefix = f"KV_{WORKFLOWS_BUCKET}", f"$KV.{WORKFLOWS_BUCKET}."
    bucket = KeyValue(name=WORKFLOWS_BUCKET, stream=stream, pre=prefix, js=connection.jetstream, direct=False)
    registry = WorkflowRegistry(connection, bucket)
    async with following(connection, WORKFLOWS_BUCKET, registry.apply):
        await registry.load_in_force()
        yield registry
