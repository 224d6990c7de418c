"""Has a tool that only reads answered this very question a moment ago?"""

import hashlib
import json
from dataclasses import dataclass

import orjson
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tool_runner.adapters.seal import Seal, Unreadable
from tool_runner.domain.arguments import Caller, state_key_for
from tool_runner.domain.manifest import Json, SideEffect, Tool
from tool_runner.domain.outcome import Done

ENTRY_BYTES_MAX = 256 * 1024
"""A larger result is not kept: the tool is asked again."""
_PREFIX = "hil:tool_result:"
LOOKS = Counter("hil_tool_result_cache_total", "Looks into the cache of tool results, by outcome.", ("outcome",))


@dataclass(frozen=True, slots=True)
class Question:
    """A call as the cache knows it. `entry` is its name in Redis: a hash of all that an answer depends on."""

    entry: str
    keep_seconds: float


def question_of(
    tool: Tool, caller: Caller, arguments: Json, *, version: str, connected_at_ms: int | None = None
) -> Question | None:
    """None where the tool writes, or its manifest keeps nothing. `version` is that of the tool and its manifest: after
    a change of either, nothing old is answered, nor when the account was connected anew, at `connected_at_ms`: it may
    be another one. A tool with a state for each conversation has an answer for each."""
    rules = tool.rules
    if rules.side_effect is not SideEffect.READ or rules.cache_ttl_seconds <= 0:
        return None
    state = None if tool.state_key is None else state_key_for(tool.state_key, caller)
    parts = [caller.tenant, caller.entity, tool.name, version, connected_at_ms, state, dict(arguments)]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return Question(_PREFIX + hashlib.sha256(text.encode()).hexdigest(), rules.cache_ttl_seconds)


@dataclass(frozen=True, slots=True)
class ResultCache:
    """Results as the tool gave them, before personal data is taken out: that depends on who asks. They are sealed, each
    for its own question. Redis away is a miss: the tool knows the answer."""

    redis: Redis
    seal: Seal

    async def get(self, question: Question) -> Done | None:
        """The result, if one is kept."""
        try:
            sealed = await self.redis.get(question.entry)
            found = None if sealed is None else Done(orjson.loads(self.seal.open(_text(sealed), question.entry)))
        except (RedisError, OSError):
            LOOKS.labels("away").inc()
            return None
        except (Unreadable, orjson.JSONDecodeError):  # Of another secret, or not ours.
            LOOKS.labels("unreadable").inc()
            return None
        LOOKS.labels("miss" if found is None else "hit").inc()
        return found

    async def put(self, question: Question, done: Done) -> None:
        """Keep a result, unless it is an error, which may be gone the next time, or too large."""
        if done.is_error:
            return
        try:
            text = orjson.dumps(done.result)
            if len(text) <= ENTRY_BYTES_MAX:
                keep_ms = max(int(question.keep_seconds * 1000), 1)
                await self.redis.set(question.entry, self.seal.close(text, question.entry), px=keep_ms)
        except (RedisError, OSError, orjson.JSONEncodeError):
            LOOKS.labels("not_kept").inc()


def _text(stored: bytes | str) -> str:
    return stored.decode() if isinstance(stored, bytes) else stored
