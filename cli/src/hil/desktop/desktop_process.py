"""How is a desktop started, told what its person does, and asked what it shows?"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hil.desktop.rules import Broken, PlayEnded

LINE_BYTES_MAX = 4 * 1024 * 1024
END_SECONDS = 5.0


class _Told(BaseModel):
    """A desktop may tell more than it is asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ShownRow(_Told):
    """A row of the list."""

    id: str
    state: str
    owner_id: str | None
    as_of_seq: int


class ShownLine(_Told):
    """A line of an open conversation."""

    id: str
    state: str
    message_id: str | None = None


class Shown(_Told):
    """The answer to `show`: what its person sees."""

    do: Literal["show"]
    seq: int = Field(description="The cursor: through which sequence everything is shown.")
    live: bool
    rows: list[ShownRow] = Field(max_length=10_000)
    lines: dict[str, list[ShownLine]] = {}


class Done(_Told):
    """The answer to every other order."""

    do: str
    outcome: Literal["done", "refused", "unknown"]
    owner_id: str | None = None
    message_id: str | None = None


Answer = TypeVar("Answer", Shown, Done)


class Desktop:
    """The process: orders go to its standard input, answers come from its standard output."""

    def __init__(self, process: asyncio.subprocess.Process, answer_seconds: float) -> None:
        self._process = process
        self._answer_seconds = answer_seconds

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], answer_seconds: float) -> "Desktop":
        """Raises OSError where the command does not exist."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **environment},
            limit=LINE_BYTES_MAX,
        )
        return cls(process, answer_seconds)

    async def show(self) -> Shown:
        """What its person sees now. Raises PlayEnded."""
        return await self._asked({"do": "show"}, Shown)

    async def do(self, order: str, **about: str) -> Done:
        """What became of an order. Raises PlayEnded."""
        return await self._asked({"do": order, **about}, Done)

    def check_that_it_runs(self) -> None:
        """Raises PlayEnded."""
        if self._process.returncode is not None:
            raise _ended(f"the desktop has ended, with status {self._process.returncode}")

    async def end(self) -> None:
        """Close its standard input, on which it should end; it is killed if it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _asked(self, order: Mapping[str, str], form: type[Answer]) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
            async with asyncio.timeout(self._answer_seconds):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise _ended(f"no answer to {json.dumps(order)} within {self._answer_seconds:g} s") from None
        except (ConnectionError, ValueError) as error:
            raise _ended(f"{json.dumps(order)}: {error}") from error
        if not line:
            raise _ended(f"the desktop ended when it was asked {json.dumps(order)}")
        return _parsed(line, order, form)


def _parsed(line: bytes, order: Mapping[str, str], form: type[Answer]) -> Answer:
    try:
        answer = form.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the line"
        told = line[:200].decode(errors="replace").rstrip()
        raise _ended(f"answer to {json.dumps(order)}: {place}: {first['msg']}; the line was {told}") from error
    if answer.do != order["do"]:
        raise _ended(f"asked {json.dumps(order)}, the answer is for {answer.do!r}")
    return answer


def _ended(text: str) -> PlayEnded:
    return PlayEnded(Broken("protocol", text))
