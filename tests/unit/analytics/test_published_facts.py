"""What is known of workflows in force, from the entries of their bucket."""

from nats.js.kv import KeyValue

from analytics.adapters.published_facts import PublishedFacts
from contracts.workflow_facts import WorkflowFacts


def entry(key: str, value: bytes, *, operation: str | None = None) -> KeyValue.Entry:
    return KeyValue.Entry("hil_workflow_facts", key, value, 1, 0, None, operation)


def facts(version: str) -> WorkflowFacts:
    return WorkflowFacts(workflow="returns", version=version, content_hash=version)


def known(**versions: str) -> PublishedFacts:
    published = PublishedFacts()
    for tenant, version in versions.items():
        published.apply(entry(f"{tenant}.returns", facts(version).model_dump_json().encode()))
    published.apply(None)
    return published


def test_a_tenants_own_version_comes_before_that_of_every_tenant() -> None:
    published = known(_all="1", acme="2")
    assert published.loaded.is_set()
    assert published.of("acme", "returns") == facts("2")
    assert published.of("globex", "returns") == facts("1")
    assert published.of("globex", "orders") is None
    promises = published.promises({("globex", "returns"), ("globex", "orders")})
    assert promises == {("acme", "returns"): facts("2"), ("globex", "returns"): facts("1")}
    theirs = published.promises({("globex", "returns")}, tenants={"globex"})
    assert theirs == {("globex", "returns"): facts("1")}


def test_what_is_deleted_or_cannot_be_read_is_not_there() -> None:
    published = known(acme="2")
    published.apply(entry("acme.orders", b'{"workflow": 7}'))
    published.apply(entry("acme.returns", b"", operation="DEL"))
    assert published.of("acme", "returns") is None
    assert published.of("acme", "orders") is None
