"""How large may arguments be, what makes two calls the same, and which arguments does the runner add?"""

import hashlib
import json
from dataclasses import dataclass

from pydantic import JsonValue

from tool_runner.domain.manifest import Json, Tool
from tool_runner.domain.size_limits import SizeLimits

ARGUMENT_DEPTH_MAX = 32
ARGUMENT_VALUES_MAX = 20_000
ARGUMENT_CHARACTERS_MAX = 1_000_000
ARGUMENT_LIMITS = SizeLimits(ARGUMENT_DEPTH_MAX, ARGUMENT_VALUES_MAX, ARGUMENT_CHARACTERS_MAX)


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is made."""

    tenant: str
    key: str
    entity: str | None = None


def arguments_hash(tool: str, arguments: Json) -> str:
    """The same for the same tool and arguments, in whatever order they are written."""
    text = json.dumps([tool, dict(arguments)], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def call_hash(tool: str, arguments: Json, caller: Caller) -> str:
    """What a repeat of a call must have in common with it, beside its key: tool, arguments, and on whose behalf. A key
    that comes again for another entity is refused, and answered with nobody's result."""
    text = json.dumps([arguments_hash(tool, arguments), caller.entity])
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
