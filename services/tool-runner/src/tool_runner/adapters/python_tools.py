"""How is a Python function called as a tool?"""

import asyncio
import importlib
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from pydantic import JsonValue, TypeAdapter, ValidationError

from tool_runner.adapters.mcp_session import within_bytes
from tool_runner.domain.manifest import ListedTool
from tool_runner.domain.outcome import Answered, Cut, CutBy, ErrorClass, NotSent, TryOutcome, Unusable
from tool_runner.domain.tool_request import ToolRequest

Function = Callable[..., object]
RESULT_BYTES_MAX = 8 * 1024 * 1024
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def load_function(place: str) -> Function:
    """`package.module:function`. Raises ValueError with the reason."""
    module_name, _, name = place.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from error
    if not callable(found):
        raise ValueError(f"{place} is not a function")
    return cast(Function, found)


class PythonTools:
    """Functions of this process. A plain function runs in a thread, which a deadline leaves behind, not ends: what
    can hang belongs into a server of its own."""

    def __init__(self, name: str, functions: Mapping[str, Function]) -> None:
        self.name = name
        self._functions = functions

    @property
    def available(self) -> bool:
        """Always: they are part of this process."""
        return True

    def listed(self) -> list[ListedTool]:
        """Schemas from type hints, descriptions from docstrings."""
        return [
            ListedTool(name, inspect.getdoc(function) or "", _schema_of(function))
            for name, function in self._functions.items()
        ]

    async def call(self, request: ToolRequest, starting: Callable[[], Awaitable[None]]) -> TryOutcome:
        """Make one call; see McpServer.call."""
        await starting()
        left = request.until - time.monotonic()
        if left <= 0:
            return NotSent(ErrorClass.TIMEOUT, "the deadline was over before the call")
        function = self._functions[request.tool]
        running: asyncio.Task[object] = asyncio.ensure_future(_called(function, request.arguments))
        try:
            await asyncio.wait({running}, timeout=left)
            if not running.done():
                return Cut(CutBy.TIMEOUT)
        finally:
            running.cancel()
        error = running.exception()
        if error is not None:
            told: JsonValue = {"error": f"{type(error).__name__}: {error}"[:2_000]}
            return within_bytes(Answered(told, is_error=True), RESULT_BYTES_MAX)
        try:
            answer = Answered(_JSON.validate_python(running.result(), strict=True), is_error=False)
            return within_bytes(answer, RESULT_BYTES_MAX)
        except ValidationError:
            return Unusable("its answer is not JSON")


def _schema_of(function: Function) -> dict[str, JsonValue]:
    adapter: TypeAdapter[object] = TypeAdapter(cast(type[object], function))  # pydantic takes functions, its types not.
    return adapter.json_schema()


async def _called(function: Function, arguments: Mapping[str, JsonValue]) -> object:
    if inspect.iscoroutinefunction(function):
        return await function(**arguments)
    return await asyncio.to_thread(function, **arguments)
