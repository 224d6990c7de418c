"""What has been said so far in a stream, and what of it may be passed on now?"""

from dataclasses import dataclass, field

from pydantic import JsonValue

from llm_gateway.domain.answer import Answer, CalledTool, Usage
from pii import Masker, StreamRestorer

Chunk = dict[str, JsonValue]


@dataclass(slots=True)
class _Part:
    """One text that grows: the answer's, or the arguments of one tool call."""

    restorer: StreamRestorer
    said: list[str] = field(default_factory=list)
    id: str = ""
    name: str = ""

    def take(self, text: str) -> str:
        self.said.append(text)
        return self.restorer.feed(text)


HELD_BACK_MAX = 100
"""A model that sends this many chunks without a word has begun to speak all the same."""


@dataclass(slots=True)
class Streamed:
    """Gathers the chunks of one answer. A placeholder may be cut in two by the border of chunks, so that a few
    characters are held back until it is clear what they are; nothing is held back where nothing was masked."""

    masker: Masker
    passes_usage: bool
    started: bool = False
    finish_reason: str = ""
    usage: Usage | None = None
    _text: _Part | None = None
    _calls: dict[int, _Part] = field(default_factory=dict)
    _held_back: list[Chunk] = field(default_factory=list)
    _last: Chunk = field(default_factory=dict)

    def take(self, chunk: Chunk) -> list[Chunk]:
        """What to pass on now. Chunks before the first that says something are held back: until then another model can
        still take over without anyone noticing."""
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choice := choices[0], dict):
            return [chunk] if self.passes_usage and chunk.get("usage") is not None else []
        self._last = chunk
        delta = choice.get("delta")
        restored = self._restored(delta) if isinstance(delta, dict) else {}
        reason = choice.get("finish_reason")
        passed: Chunk = {**chunk, "choices": [{**choice, "delta": restored}]}
        if not self.passes_usage:
            passed.pop("usage", None)
        if isinstance(reason, str):
            self.finish_reason = reason
            return self._released([*self._rest(), passed])
        is_silent = not restored.get("content") and not restored.get("tool_calls")
        if is_silent and not self.started and len(self._held_back) < HELD_BACK_MAX:
            self._held_back.append(passed)
            return []
        return self._released([passed])

    def answer(self, model: str) -> Answer:
        """The whole answer, as the caller has seen it."""
        return Answer(
            model=model,
            text=self.masker.restore("".join(self._text.said)) if self._text else "",
            tool_calls=tuple(
                CalledTool(part.id, part.name, self.masker.restore("".join(part.said)))
                for _, part in sorted(self._calls.items())
            ),
            finish_reason=self.finish_reason or "stop",
            usage=self.usage,
        )

    def _released(self, chunks: list[Chunk]) -> list[Chunk]:
        self.started = True
        released, self._held_back = [*self._held_back, *chunks], []
        return released

    def _restored(self, delta: Chunk) -> Chunk:
        restored = dict(delta)
        if isinstance(content := delta.get("content"), str):
            self._text = self._text or _Part(self.masker.stream_restorer())
            restored["content"] = self._text.take(content)
        if isinstance(calls := delta.get("tool_calls"), list):
            restored["tool_calls"] = [self._restored_call(call) for call in calls if isinstance(call, dict)]
        return restored

    def _restored_call(self, call: Chunk) -> JsonValue:
        index = call.get("index")
        part = self._calls.setdefault(index if isinstance(index, int) else 0, _Part(self.masker.stream_restorer()))
        part.id = str(call.get("id") or part.id)
        function = call.get("function")
        if not isinstance(function, dict):
            return call
        part.name = str(function.get("name") or part.name)
        if not isinstance(arguments := function.get("arguments"), str):
            return call
        return {**call, "function": {**function, "arguments": part.take(arguments)}}

    def _rest(self) -> list[Chunk]:
        """What was held back of texts, as chunks of their own before the last."""
        rest: list[JsonValue] = []
        if self._text is not None and (text := self._text.restorer.end()):
            rest.append({"content": text})
        for index, part in sorted(self._calls.items()):
            if arguments := part.restorer.end():
                rest.append({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})
        return [{**self._last, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in rest]
