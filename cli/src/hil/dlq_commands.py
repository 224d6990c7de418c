"""`hil dlq`: list dead letters, look at one, give them back."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from nats.errors import Error as NatsError
from rich.console import Console
from rich.table import Table

from hil.dead_letters import DeadLetter, body_of, dead_letter, dead_letters, forget, publish_again
from hil.key_log import with_bus
from hil.options import DATA_DIR_DEFAULT, AsJson, DataDir
from hil.outcome import CommandError, bad_input, unreachable
from service_kit.connection import Connection, Refused

dlq_app = typer.Typer(help="Messages that a service gave up on: list, show, replay.", no_args_is_help=True)

T = TypeVar("T")
Sequence = Annotated[int, typer.Argument(min=1, help="Number of the letter, as `hil dlq list` shows it.")]


@dlq_app.command("list")
def list_letters(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest of them.")] = 100,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show what every service gave up on, and why."""

    async def ask(connection: Connection) -> list[DeadLetter]:
        return [letter async for letter in dead_letters(connection)][-limit:]

    letters = _asked(data_dir, ask)
    if as_json:
        for letter in letters:
            print(json.dumps(_described(letter)))
        return
    table = Table("letter", "stored", "service", "subject", "tries", "reason", title=f"{len(letters)} dead letters")
    for letter in letters:
        stored = letter.stored.strftime("%Y-%m-%d %H:%M:%S") if letter.stored else ""
        cells = (str(letter.sequence), stored, letter.service, letter.subject, str(letter.attempts), letter.reason)
        table.add_row(*cells)
    Console().print(table)


@dlq_app.command("show")
def show(sequence: Sequence, data_dir: DataDir = DATA_DIR_DEFAULT, as_json: AsJson = False) -> None:
    """Show one letter with its headers and body."""

    async def ask(connection: Connection) -> tuple[DeadLetter, bytes | None]:
        letter = await _found(connection, sequence)
        return letter, await body_of(connection, letter)

    letter, body = _asked(data_dir, ask)
    shown = _described(letter) | {"headers": letter.headers, "body": _readable(body)}
    print(json.dumps(shown, indent=None if as_json else 2, ensure_ascii=False))


@dlq_app.command("replay")
def replay(
    sequences: Annotated[list[int] | None, typer.Argument(min=1, help="Numbers of letters.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every letter there is.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the letter where it is.")] = False,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Publish the original messages again, and take the letters off. What fails again is a new letter."""
    if bool(sequences) == every:
        raise bad_input("name the letters, or say --all")

    async def ask(connection: Connection) -> list[tuple[int, int]]:
        numbers = [letter.sequence async for letter in dead_letters(connection)] if every else sequences or []
        return [(number, await _again(connection, number, keep=keep)) for number in numbers]

    for number, stored in _asked(data_dir, ask):
        print(json.dumps({"letter": number, "sequence": stored}) if as_json else f"{number} is in the log as {stored}")


async def _again(connection: Connection, sequence: int, *, keep: bool) -> int:
    letter = await _found(connection, sequence)
    body = await body_of(connection, letter)
    if body is None:
        raise CommandError(f"the body of letter {sequence} was in the log at {letter.log_sequence}, and is gone")
    try:
        stored = await publish_again(connection, letter, body)
    except Refused as error:
        raise CommandError(f"the bus refuses letter {sequence}: {error}") from error
    if not keep:
        await forget(connection, letter)
    return stored


async def _found(connection: Connection, sequence: int) -> DeadLetter:
    letter = await dead_letter(connection, sequence)
    if letter is None:
        raise bad_input(f"there is no dead letter {sequence}")
    return letter


def _asked(data_dir: Path, ask: Callable[[Connection], Awaitable[T]]) -> T:
    try:
        return with_bus(data_dir, ask)
    except (TimeoutError, NatsError) as error:
        raise unreachable(f"the dead letters cannot be read: {error or type(error).__name__}") from error


def _described(letter: DeadLetter) -> dict[str, object]:
    return {
        "letter": letter.sequence,
        "stored": letter.stored.isoformat() if letter.stored else None,
        "service": letter.service,
        "subject": letter.subject,
        "attempts": letter.attempts,
        "log_sequence": letter.log_sequence,
        "reason": letter.reason,
    }


def _readable(body: bytes | None) -> object:
    """The body as JSON where it is, as text else; None when it is gone."""
    if body is None:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="backslashreplace")
