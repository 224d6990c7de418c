"""`hil desktop check`: does a desktop of your own keep the rules?"""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from hil.desktop.check import checked, checked_over_nats
from hil.desktop.rules import OVER_NATS, RULES, Broken
from hil.outcome import CommandError, bad_input

SHOWN_MAX = 5
"""Of one rule."""

desktop_app = typer.Typer(help="For who builds a desktop of their own.", no_args_is_help=True)


class Over(StrEnum):
    """How a desktop speaks with the system."""

    HTTP = "http"
    NATS = "nats"


@desktop_app.callback()
def desktop() -> None:
    """For who builds a desktop of their own (docs/desktops.md)."""


@desktop_app.command("check")
def check(
    command: Annotated[list[str], typer.Argument(help="Behind `--`: the command that starts the desktop.")],
    over: Annotated[Over, typer.Option(help="How the desktop speaks with the system.")] = Over.HTTP,
    seed: Annotated[int, typer.Option(help="Another seed tells another story.")] = 1,
    wait_seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long it may take to react.")] = 5.0,
) -> None:
    """Start a desktop, play an inbox to it that breaks off, repeats itself and says no, and look at what it shows.

    Names every rule that was broken, with the event that shows it; exit status 1."""
    plays, rules = (checked, len(RULES)) if over is Over.HTTP else (checked_over_nats, len(OVER_NATS))
    try:
        broken = asyncio.run(plays(command, seed=seed, wait_seconds=wait_seconds))
    except OSError as error:
        raise bad_input(f"{command[0]}: {error.strerror}; give the command that starts your desktop") from error
    if broken:
        print(told(broken))
        raise CommandError(f"{len({one.rule for one in broken})} of {rules} rules were broken (seed {seed})")
    print(f"all {rules} rules were kept (seed {seed})")


def told(broken: Sequence[Broken]) -> str:
    """Each broken rule once, in the order in which it was seen, with what shows it."""
    lines = []
    for rule in dict.fromkeys(one.rule for one in broken):
        shown_by = [one.shown_by for one in broken if one.rule == rule]
        lines += [f"{rule}: {RULES[rule]}", *(f"    {text}" for text in shown_by[:SHOWN_MAX])]
        lines += [f"    and {len(shown_by) - SHOWN_MAX} more"] if len(shown_by) > SHOWN_MAX else []
    return "\n".join(lines)
