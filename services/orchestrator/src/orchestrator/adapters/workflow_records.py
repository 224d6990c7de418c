"""How are the versions of a workflow recorded by many writers at once without losing one?"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from nats.errors import Error as NatsError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from contracts.streams import WORKFLOWS_BUCKET
from contracts.subjects import check_token
from orchestrator.adapters.workflow_history import WorkflowHistory
from service_kit.connection import Connection
from service_kit.errors import RetryLater

WRITES_MAX = 20

Change = Callable[[WorkflowHistory], WorkflowHistory]
Announce = Callable[[str], Awaitable[None]]
"""Tells others of the content hash in force."""


async def read_value(bucket: KeyValue, key: str) -> bytes | None:
    """The newest value of a key, None when there is none; raises RetryLater."""
    with translated(key):
        try:
            return (await bucket.get(key)).value
        except KeyNotFoundError:
            return None


async def read_history(bucket: KeyValue, tenant: str, name: str) -> tuple[WorkflowHistory, int]:
    """The record of a name and its revision, 0 when there is none yet."""
    key = _history_key(tenant, name)
    with translated(key):
        try:
            entry = await bucket.get(key)
        except KeyNotFoundError:
            return WorkflowHistory(name=name), 0
    return WorkflowHistory.model_validate_json(entry.value or b""), entry.revision or 0


async def change_history(bucket: KeyValue, tenant: str, name: str, change: Change) -> tuple[WorkflowHistory, int]:
    """Change the record of a name, one writer after the other; the record and its revision."""
    key = _history_key(tenant, name)
    for _ in range(WRITES_MAX):
        before, revision = await read_history(bucket, tenant, name)
        after = change(before)
        if after is before:
            return before, revision
        with translated(key), suppress(KeyWrongLastSequenceError):
            return after, await bucket.update(key, after.model_dump_json().encode(), last=revision)
    raise RetryLater(f"{key} is being changed by others all the time")


async def put_surely(connection: Connection, key: str, value: bytes, *, bucket: str = WORKFLOWS_BUCKET) -> None:
    """Write a value whose repeat does no harm, trying again while the server is away; raises RetryLater."""
    await connection.publish_surely(f"$KV.{bucket}.{key}", value, headers={})


async def bring_into_force(
    connection: Connection, bucket: KeyValue, tenant: str, name: str, *, change: Change, announce: Announce
) -> str:
    """Record the change, then write the default that the record says and announce it, until all agree: two who change
    at once may write in another order than they recorded. The content hash in force."""
    history, revision = await change_history(bucket, tenant, name, change)
    key = f"default.{tenant}.{name}"
    for _ in range(WRITES_MAX):
        in_force, seen = history.in_force, revision
        assert in_force is not None, f"{key} was put in force, and its record says none"
        await put_surely(connection, key, in_force.encode())
        await announce(in_force)
        history, revision = await read_history(bucket, tenant, name)
        if revision == seen:
            return in_force
    raise RetryLater(f"{key} is being changed by others all the time")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Trouble with the server becomes RetryLater."""
    try:
        yield
    except (NatsError, OSError, TimeoutError) as error:
        raise RetryLater(f"{what}: {error or type(error).__name__}") from error


def _history_key(tenant: str, name: str) -> str:
    return f"history.{check_token(tenant, what='tenant')}.{check_token(name, what='workflow')}"
