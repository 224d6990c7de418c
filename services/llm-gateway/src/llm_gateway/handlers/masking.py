"""What of a request may leave the house, and how does the answer get its values back?"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import orjson
from pydantic import JsonValue

from llm_gateway.adapters.name_finder import NamesUnknown
from llm_gateway.domain.answer import Answer, CalledTool
from llm_gateway.domain.call import Call
from llm_gateway.domain.chat_body import Body
from llm_gateway.domain.failure import ErrorClass, Failure
from llm_gateway.handlers.gateway import Gateway
from pii import DEFAULT_REGIONS, Masker, MaskingFailed, NameDetector

JsonObject = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Masked:
    """`body` with placeholders instead of personal values; `masker` knows the values of this request only. `unmasked`
    counts those that stay as they are for a provider that is trusted."""

    body: Body
    masker: Masker
    unmasked: Mapping[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.masker.counts)

    @property
    def personal(self) -> dict[str, int]:
        """Of the values in the request, masked or not: with any of them an answer is nobody else's."""
        return {**self.unmasked, **self.masker.counts}


def mask_body(
    body: Body,
    *,
    secret: bytes,
    partition: str,
    regions: tuple[str, ...] = DEFAULT_REGIONS,
    names: NameDetector | None = None,
) -> Masked | Failure:
    """Mask what people and tools said: texts, tool arguments, tool results. Names of roles, ids of calls, schemas and
    images stay. What cannot be masked is not sent."""
    masker = Masker(secret, partition, regions, names)
    try:
        masked = dict(body)
        messages = body.get("messages")
        if isinstance(messages, list):
            masked["messages"] = [_masked_message(message, masker) for message in messages]
        for field in ("user", "input", "prediction"):
            if field in body:
                masked[field] = masker.mask_json(body[field])
        return Masked(masked, masker)
    except MaskingFailed as error:
        return Failure(ErrorClass.MASKING_FAILED, f"personal data could not be masked, so nothing was sent: {error}")


async def masked_for(call: Call, gateway: Gateway) -> Masked | Failure:
    """The request as it may be sent: as it is only where every model that may answer is trusted. It is searched all the
    same where its answer might be given to others."""
    if gateway.table.trusted(call.profile):
        unmasked = await _unmasked(call, gateway)
        return Masked(call.body, Masker(gateway.pii_secret, call.partition), unmasked)
    return await _searched(call, gateway)


async def _unmasked(call: Call, gateway: Gateway) -> dict[str, int]:
    if call.cache is None:
        return {}
    searched = await _searched(call, gateway)
    return {"not searched": 1} if isinstance(searched, Failure) else searched.counts


async def _searched(call: Call, gateway: Gateway) -> Masked | Failure:
    mask = partial(
        mask_body, call.body, secret=gateway.pii_secret, partition=call.partition, regions=gateway.phone_regions
    )
    if gateway.names is None:
        return mask()
    texts: list[str] = []

    def note(text: str) -> list[tuple[int, int]]:
        texts.append(text)
        return []

    noted = mask(names=note)  # Which texts are there is known to the search alone; the second time it is cheap.
    if isinstance(noted, Failure):
        return noted
    try:
        places = await gateway.names.find(texts)
    except NamesUnknown as error:
        return Failure(ErrorClass.MASKING_FAILED, f"names could not be looked for, so nothing was sent: {error}")
    masked = mask(names=lambda text: list(places[text]))
    if isinstance(masked, Masked):
        names = {text[start:end] for text, found in places.items() for start, end in found}
        masked.masker.names = partial(_said_again, sorted(names, key=len, reverse=True))
    return masked


def _said_again(names: list[str], text: str) -> list[tuple[int, int]]:
    """In what is masked later, such as the problem that a repair is about, names are those that were found before."""
    return [found.span() for name in names if name in text for found in re.finditer(re.escape(name), text)]


def restored(answer: Answer, masker: Masker) -> Answer:
    """The answer with values where the model wrote their placeholders."""
    if not masker.counts:
        return answer
    calls = tuple(
        CalledTool(call.id, call.name, _through_json(call.arguments, masker.restore_json, masker.restore))
        for call in answer.tool_calls
    )
    return replace(answer, text=masker.restore(answer.text), tool_calls=calls, raw=_restored_raw(answer.raw, masker))


def _masked_message(message: JsonValue, masker: Masker) -> JsonValue:
    if not isinstance(message, dict):
        return message
    masked = dict(message)
    content = message.get("content")
    if isinstance(content, str):
        masked["content"] = masker.mask(content)
    elif isinstance(content, list):
        masked["content"] = [_masked_part(part, masker) for part in content]
    if isinstance(name := message.get("name"), str):
        masked["name"] = masker.mask(name)
    if isinstance(calls := message.get("tool_calls"), list):
        masked["tool_calls"] = [_masked_call(call, masker) for call in calls]
    return masked


def _masked_part(part: JsonValue, masker: Masker) -> JsonValue:
    if isinstance(part, dict) and isinstance(text := part.get("text"), str):
        return {**part, "text": masker.mask(text)}
    return part


def _masked_call(call: JsonValue, masker: Masker) -> JsonValue:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        return call
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        return call
    masked = _through_json(arguments, masker.mask_json, masker.mask)
    return {**call, "function": {**function, "arguments": masked}}


def _through_json(text: str, change: Callable[[JsonValue], JsonValue], change_text: Callable[[str], str]) -> str:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return change_text(text)
    changed = change(parsed)
    return text if changed == parsed else orjson.dumps(changed).decode()


def _restored_raw(raw: JsonObject, masker: Masker) -> JsonObject:
    choices = raw.get("choices")
    if not isinstance(choices, list):
        return raw
    return {**raw, "choices": [_restored_choice(choice, masker) for choice in choices]}


def _restored_choice(choice: JsonValue, masker: Masker) -> JsonValue:
    if not isinstance(choice, dict) or not isinstance(message := choice.get("message"), dict):
        return choice
    return {**choice, "message": masker.restore_json(message)}
