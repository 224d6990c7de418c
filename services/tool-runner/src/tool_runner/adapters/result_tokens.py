"""What do others see of personal data in a result, and how does a later call of the same conversation get it back?

The ledger and the result cache keep results as the tool gave them, sealed; masking is the last step before the fact.
So a repeat is masked anew: to the same tokens, since they are derived (ADR-0008), and by the policy of today.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

from pydantic import JsonValue
from redis.asyncio import Redis
from redis.exceptions import RedisError

from pii import Masker, MaskingFailed, mask_by_schema, placeholders_in, put_back
from service_kit.errors import RetryLater
from tool_runner.adapters.seal import Seal, Unreadable, key_for
from tool_runner.domain.arguments import ARGUMENT_CHARACTERS_MAX, Caller
from tool_runner.domain.manifest import Json, ResultPii, Tool

TOKEN_CHARACTERS = 12
"""60 bits: among 10,000 values of a conversation two share a token once in 20 billion conversations."""
TOKENS_MAX = 10_000
HIDDEN_MIN = 4
"""Characters of a value that is looked for in results; a shorter one is part of too many words."""
KEEP_SECONDS = 7 * 86_400.0
AWAY = timedelta(seconds=1)
_VALUES = b"hil tool-runner result tokens: values 1"
_NAMES = b"hil tool-runner result tokens: names 1"

# KEYS: the conversation's tokens. ARGV: most tokens, milliseconds to keep them, then token and sealed value by turns.
_KEEP = """
local new = 0
for i = 3, #ARGV, 2 do
  new = new + 1 - redis.call('HEXISTS', KEYS[1], ARGV[i])
end
if redis.call('HLEN', KEYS[1]) + new > tonumber(ARGV[1]) then return 0 end
for i = 3, #ARGV, 2 do redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""


class RestoredTooLong(Exception):
    """With their values in place of tokens the arguments are over the limit; the text names it."""


@dataclass(frozen=True, slots=True)
class ResultTokens:
    """Tokens of results and, sealed in Redis for a conversation each, the values behind them."""

    redis: Redis
    seal: Seal
    naming_key: bytes = field(repr=False)
    regions: tuple[str, ...]
    keep_seconds: float = KEEP_SECONDS

    async def mask(self, result: JsonValue, tool: Tool, caller: Caller) -> JsonValue:
        """The result as others may see it. Raises RetryLater while its tokens cannot be kept, and MaskingFailed for
        a result that cannot be searched: it must not be given to anybody."""
        if tool.rules.result_pii is ResultPii.KEEP:
            return result
        masker = Masker(self.naming_key, _partition(caller), self.regions, characters=TOKEN_CHARACTERS)
        masked = mask_by_schema(result, _schema_of(tool), masker)
        if tool.rules.result_pii is ResultPii.REDACT:
            return masker.redact_json(masked)
        if values := masker.restores():
            await self._keep(_entry(caller), values)
        return masked

    async def restore(self, arguments: Json, caller: Caller) -> dict[str, JsonValue]:
        """The arguments with the values of this conversation's tokens; everything else that looks like a token stays
        as it is. Raises RetryLater, and RestoredTooLong."""
        given: dict[str, JsonValue] = dict(arguments)
        seen = placeholders_in(given)
        if not seen:
            return given
        values = await self._values_of(list(seen), _entry(caller))
        characters = sum(len(value) * seen[token] for token, value in values.items())
        if characters > ARGUMENT_CHARACTERS_MAX:
            raise RestoredTooLong(
                f"the values of their tokens have {characters} characters, over the limit of {ARGUMENT_CHARACTERS_MAX}"
            )
        return cast(dict[str, JsonValue], put_back(given, values))

    async def hide_again(self, result: JsonValue, arguments: Json, caller: Caller) -> JsonValue:
        """A result without the values that `restore` put into these arguments: a tool that repeats what it was asked
        must not tell what another tool's policy keeps back. Raises RetryLater."""
        if not (seen := placeholders_in(dict(arguments))):
            return result
        values = await self._values_of(list(seen), _entry(caller))
        hidden = [(token, value) for token, value in values.items() if len(value) >= HIDDEN_MIN]
        return _with_tokens(result, sorted(hidden, key=lambda one: len(one[1]), reverse=True))

    async def _keep(self, entry: str, values: dict[str, str]) -> None:
        words = [str(TOKENS_MAX), str(int(self.keep_seconds * 1_000))]
        for token, value in values.items():
            words += [token, self.seal.close(value.encode("utf-8", "surrogatepass"), f"{entry}/{token}")]
        try:
            kept = await cast(Awaitable[int], self.redis.eval(_KEEP, 1, entry, *words))
        except (RedisError, OSError) as error:
            raise RetryLater(f"result tokens: {type(error).__name__}", after=AWAY) from error
        if not kept:
            raise MaskingFailed(f"the conversation would have more than {TOKENS_MAX} tokens of personal data")

    async def _values_of(self, tokens: list[str], entry: str) -> dict[str, str]:
        """Of tokens that are known here; what was sealed with another secret is as unknown as what has expired."""
        try:
            sealed = await self.redis.hmget(entry, tokens)
        except (RedisError, OSError) as error:
            raise RetryLater(f"result tokens: {type(error).__name__}", after=AWAY) from error
        found = {}
        for token, value in zip(tokens, sealed, strict=True):
            if value is not None and (opened := self._opened(value, f"{entry}/{token}")) is not None:
                found[token] = opened
        return found

    def _opened(self, sealed: str | bytes, entry: str) -> str | None:
        text = sealed.decode("ascii", "replace") if isinstance(sealed, bytes) else sealed
        try:
            return self.seal.open(text, entry).decode("utf-8", "surrogatepass")
        except Unreadable:
            return None


def result_tokens(redis: Redis, secret: str, *, regions: tuple[str, ...], keep_seconds: float) -> ResultTokens:
    """With keys derived from the secret of the ledger. Raises SecretUnusable."""
    return ResultTokens(redis, Seal(secret, _VALUES), key_for(secret, _NAMES), regions, keep_seconds)


def _schema_of(tool: Tool) -> Json:
    """A server's own schema is about its whole answer: of one field of it, what it says there counts too."""
    schema = tool.output_schema or {}
    properties, known = schema.get("properties"), schema.get("anyOf")
    field = properties.get(tool.result_field or "") if isinstance(properties, dict) else None
    if tool.result_field is None or not isinstance(field, dict):
        return schema
    return {**schema, "anyOf": [*(known if isinstance(known, list) else []), field]}


def _with_tokens(value: JsonValue, tokens: list[tuple[str, str]]) -> JsonValue:
    """Results are at most 64 levels deep (handlers/make_call.py)."""
    if isinstance(value, str):
        for token, hidden in tokens:
            value = value.replace(hidden, token)
        return value
    if isinstance(value, list):
        return [_with_tokens(one, tokens) for one in value]
    if isinstance(value, dict):
        return {str(_with_tokens(name, tokens)): _with_tokens(one, tokens) for name, one in value.items()}
    return value


def _entry(caller: Caller) -> str:
    return f"hil:result_tokens:{caller.tenant}.{caller.key}"


def _partition(caller: Caller) -> str:
    return f"{caller.tenant}\x00{caller.key}"
