"""Which arguments may reach a tool, and which does the runner add?"""

import hashlib
import json
from dataclasses import dataclass

from pydantic import JsonValue

from tool_runner.domain.manifest import Json, Tool

ARGUMENT_DEPTH_MAX = 32
ARGUMENT_VALUES_MAX = 20_000
ARGUMENT_CHARACTERS_MAX = 1_000_000
INTEGER_MAX = 2**63
"""Beyond it JSON readers disagree about the value."""


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is made."""

    tenant: str
    key: str
    entity: str | None = None


def beyond_limits(arguments: Json) -> str | None:
    """Which limit of size, depth or number the arguments break; checked before any schema is."""
    values, characters = 0, 0
    waiting: list[tuple[JsonValue, int]] = [(dict(arguments), 1)]
    while waiting:
        value, depth = waiting.pop()
        values += 1
        characters += len(value) if isinstance(value, str) else 0
        if broken := _broken_limit(value, values, characters=characters, depth=depth):
            return broken
        waiting.extend((child, depth + 1) for child in _children(value))
        characters += sum(map(len, value)) if isinstance(value, dict) else 0
    return None


def _broken_limit(value: JsonValue, values: int, *, characters: int, depth: int) -> str | None:
    if depth > ARGUMENT_DEPTH_MAX:
        return f"nested more than {ARGUMENT_DEPTH_MAX} deep"
    if values > ARGUMENT_VALUES_MAX:
        return f"more than {ARGUMENT_VALUES_MAX} values"
    if characters > ARGUMENT_CHARACTERS_MAX:
        return f"more than {ARGUMENT_CHARACTERS_MAX} characters"
    if isinstance(value, int) and abs(value) >= INTEGER_MAX:
        return "an integer of more than 63 bits"
    return None


def _children(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def arguments_hash(tool: str, arguments: Json) -> str:
    """The same for the same tool and arguments, in whatever order they are written."""
    text = json.dumps([tool, dict(arguments)], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def with_reserved(tool: Tool, arguments: Json, caller: Caller, *, idempotency_key: str) -> dict[str, JsonValue]:
    """What is sent to the server: the model's arguments and those that the runner owns."""
    sent = dict(arguments)
    if tool.state_key is not None and tool.state_key_argument is not None:
        sent[tool.state_key_argument] = state_key_for(tool.state_key, caller)
    if tool.idempotency_argument is not None:
        sent[tool.idempotency_argument] = native_key(caller, idempotency_key)
    return sent


def native_key(caller: Caller, idempotency_key: str) -> str:
    """The idempotency key as a server gets it. It names the caller, because a server keeps one set of keys for all."""
    return f"{caller.tenant}/{caller.key}/{idempotency_key}"


def state_key_for(template: str, caller: Caller) -> str:
    """Which state of the server belongs to the caller. One pass, so that a value is never taken for a placeholder."""
    parts = {"{tenant}": caller.tenant, "{key}": caller.key, "{entity}": caller.entity or caller.key}
    pieces, rest = [], template
    while rest:
        position, name = min(((rest.find(name), name) for name in parts if name in rest), default=(len(rest), ""))
        pieces += [rest[:position], parts.get(name, "")]
        rest = rest[position + len(name) :]
    return "".join(pieces)
