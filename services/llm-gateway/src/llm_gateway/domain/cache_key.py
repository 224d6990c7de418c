"""Which requests may share an answer?"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from contracts.completions import CachePolicy
from llm_gateway.domain.answer import Answer
from llm_gateway.domain.call import Call
from llm_gateway.domain.chat_body import Body

# What identifies the person who asks, or where the answer goes, does not change the answer.
_NOT_OF_THE_ANSWER = frozenset({"user", "metadata", "store", "stream_options", "safety_identifier"})
QUESTION_CHARACTERS_MAX = 500
"""What is longer is a text, not a question: its embedding says little and takes long."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where an answer is looked for. `partition` is a hard wall: nothing is ever found across it. `question` is what
    is compared by meaning, None where that may not be done. `call` is what pays for the comparison."""

    key: str
    partition: str
    call: Call
    policy: CachePolicy
    question: str | None = None


def lookup_for(call: Call, body: Body, masked: Mapping[str, int]) -> Lookup | None:
    """None where an answer may be neither taken nor kept: nobody has allowed it, personal values are in the request,
    or tools are offered, whose results would be in the answer."""
    policy = call.cache
    if policy is None or masked or body.get("tools") or _has_tool_messages(body):
        return None
    relevant = {name: value for name, value in body.items() if name not in _NOT_OF_THE_ANSWER}
    messages = relevant.pop("messages", None)
    wall = [call.tenant, call.profile, policy.knowledge_version, policy.locale, call.output_tokens_max, relevant]
    question = _question(messages) if policy.tier == "semantic" else None
    rest = messages[:-1] if question is not None and isinstance(messages, list) else messages
    return Lookup(
        key=_hash([wall, messages]),
        partition=_hash([wall, rest]),
        call=call,
        policy=policy,
        question=question,
    )


def may_be_kept(answer: Answer) -> bool:
    """Only a whole answer in words."""
    return answer.finish_reason == "stop" and not answer.tool_calls and bool(answer.text.strip())


def short(tenant: str) -> str:
    """A tenant within the name of a key."""
    return hashlib.blake2b(tenant.encode(), digest_size=8).hexdigest()


def _question(messages: object) -> str | None:
    """The last message, if a user said it in few words."""
    last = messages[-1] if isinstance(messages, list) and messages else None
    if isinstance(last, dict) and last.get("role") == "user" and isinstance(text := last.get("content"), str):
        return text if len(text) <= QUESTION_CHARACTERS_MAX else None
    return None


def _has_tool_messages(body: Body) -> bool:
    messages = body.get("messages")
    listed = messages if isinstance(messages, list) else []
    return any(isinstance(one, dict) and (one.get("role") == "tool" or one.get("tool_calls")) for one in listed)


def _hash(value: object) -> str:
    canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(canonical, digest_size=20).hexdigest()
