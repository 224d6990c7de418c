"""How does the catalogue read as an AsyncAPI 3 document: channels, operations of every party, messages with headers?"""

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from contracts.envelope import Decision, Message

Tree = dict[str, JsonValue]
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
TOKEN_PATTERN = "^[A-Za-z0-9_-]{1,128}$"  # noqa: S105 - a token of a subject, no secret

ATTRIBUTES: Tree = {
    "ce-specversion": {"type": "string", "const": "1.0"},
    "ce-id": {"type": "string", "description": "Derived from what caused the message; the same in every delivery."},
    "ce-type": {"type": "string", "description": "The subject without tenant and key."},
    "ce-source": {"type": "string", "description": "Who published, for example /hil/llm-gateway."},
    "ce-subject": {"type": "string", "description": "The key: conversation or execution id."},
    "ce-time": {"type": "string", "format": "date-time", "description": "Optional; the log's own time counts."},
    "ce-causedby": {"type": "string", "description": "ce-id of the message that led to this one."},
    "traceparent": {"type": "string", "description": "W3C trace context."},
    "content-type": {"type": "string", "const": "application/json"},
    "Hil-Payload": {"type": "string", "description": "sha256 of a body that is in the object store instead."},
}
MESSAGE_ID: Tree = {"type": "string", "description": "Deduplication id: a repeat within two minutes is not stored."}


def asyncapi_document(kinds: Iterable[type[Message]], samples: Mapping[str, JsonValue]) -> Tree:
    """The whole document; `samples` holds a body by CloudEvents type."""
    ordered = sorted(kinds, key=lambda kind: kind.route.type)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "HIL Agent System",
            "version": "1.0.0",
            "description": "Every message between clients, desktops and services. Generated from contracts/.",
        },
        "defaultContentType": "application/json",
        "servers": {"nats": {"host": "localhost:4222", "protocol": "nats", "description": "NATS with JetStream"}},
        "channels": {_channel_id(kind): _channel(kind) for kind in ordered},
        "operations": _operations(ordered),
        "components": {
            "parameters": _parameters(),
            "messages": {kind.__name__: _message(kind, samples[kind.route.type]) for kind in ordered},
            "schemas": {"ClientHeaders": _client_headers(), "FactHeaders": _fact_headers(), "FencedHeaders": _fenced()},
        },
    }


def headers_of(kind: type[Message]) -> str:
    """Which headers a message carries. Fenced writes carry no deduplication id (ARCHITECTURE 1, rule 6)."""
    route = kind.route
    if {"client", "desktop", "server"} & set(route.sent_by):
        return "ClientHeaders"
    fenced = issubclass(kind, Decision) or (route.kind == "evt" and route.owner == "hil-inbox")
    return "FencedHeaders" if fenced else "FactHeaders"


def _channel_id(kind: type[Message]) -> str:
    return f"{kind.route.name}.v{kind.route.major}"


def _channel(kind: type[Message]) -> Tree:
    return {
        "address": f"{kind.route.type}.{{tenant}}.{{key}}",
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}},
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in ("tenant", "key")},
    }


def _operations(kinds: Iterable[type[Message]]) -> Tree:
    """`<party>.sends.<message>` and `<party>.reads.<message>`."""
    found: Tree = {}
    for kind in kinds:
        for party in kind.route.sent_by:
            found[f"{party}.sends.{_channel_id(kind)}"] = _operation(kind, action="send", party=party)
        for party in kind.route.read_by:
            found[f"{party}.reads.{_channel_id(kind)}"] = _operation(kind, action="receive", party=party)
    return dict(sorted(found.items()))


def _operation(kind: type[Message], *, action: str, party: str) -> Tree:
    channel = _channel_id(kind)
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{kind.__name__}"}],
        "tags": [{"name": party}],
    }


def _message(kind: type[Message], sample: JsonValue) -> Tree:
    summary = " ".join((kind.__doc__ or "").split())
    schema: JsonValue = {"$ref": f"./schemas/{kind.route.type}.json"}
    return {
        "name": kind.route.type,
        "title": kind.__name__,
        "summary": summary,
        "contentType": "application/json",
        "correlationId": {"location": "$message.header#/ce-causedby"},
        "headers": {"$ref": f"#/components/schemas/{headers_of(kind)}"},
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": schema},
        "examples": [{"payload": sample}],
    }


def _parameters() -> Tree:
    form = f"One token of the subject: {TOKEN_PATTERN}"
    return {
        "tenant": {"description": f"Whose conversations these are. {form}"},
        "key": {"description": f"Conversation id, or execution id in standalone mode. {form}"},
    }


def _client_headers() -> Tree:
    described = "What others send. No header is required; without `Nats-Msg-Id` a repeat is stored twice."
    return {"type": "object", "description": described, "properties": {"Nats-Msg-Id": MESSAGE_ID, **ATTRIBUTES}}


def _fact_headers() -> Tree:
    return {
        "type": "object",
        "description": "What services publish without a fence: deduplicated by id.",
        "required": ["Nats-Msg-Id", "ce-specversion", "ce-id", "ce-type", "ce-source"],
        "properties": {"Nats-Msg-Id": MESSAGE_ID, **ATTRIBUTES},
    }


def _fenced() -> Tree:
    expected: JsonValue = {"type": "string", "description": "Last sequence that the writer had folded for the key."}
    covered: JsonValue = {"type": "string", "description": "The fence: every message of the key."}
    return {
        "type": "object",
        "description": "Decisions, claims and verdicts: stored only if nothing else came for the key meanwhile.",
        "required": ["ce-specversion", "ce-id", "ce-type", "ce-source"],
        "properties": {
            "Nats-Expected-Last-Subject-Sequence": expected,
            "Nats-Expected-Last-Subject-Sequence-Subject": covered,
            **ATTRIBUTES,
        },
    }
