"""`hil desktop check`: does a desktop of your own keep the rules?"""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from aiohttp import web

from hil.desktop.command_acts import COMMAND_ACTS
from hil.desktop.desktop_process import Desktop
from hil.desktop.feed_acts import FEED_ACTS
from hil.desktop.play import Play, begun
from hil.desktop.rules import RULES, Broken, PlayEnded
from hil.desktop.scripted_inbox import ACTOR, TOKEN
from hil.desktop.story import TENANT
from hil.embedded.ports import LOOPBACK
from hil.outcome import CommandError, bad_input

SHOWN_MAX = 5
"""Of one rule."""

desktop_app = typer.Typer(help="For who builds a desktop of their own.", no_args_is_help=True)


@desktop_app.callback()
def desktop() -> None:
    """For who builds a desktop of their own (docs/desktops.md)."""


@desktop_app.command("check")
def check(
    command: Annotated[list[str], typer.Argument(help="Behind `--`: the command that starts the desktop.")],
    seed: Annotated[int, typer.Option(help="Another seed tells another story.")] = 1,
    wait_seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long it may take to react.")] = 5.0,
) -> None:
    """Start a desktop, play an inbox to it that breaks off, repeats itself and says no, and look at what it shows.

    Names every rule that was broken, with the event that shows it; exit status 1."""
    try:
        broken = asyncio.run(checked(command, seed=seed, wait_seconds=wait_seconds))
    except OSError as error:
        raise bad_input(f"{command[0]}: {error.strerror}; give the command that starts your desktop") from error
    if broken:
        print(told(broken))
        names = {one.rule for one in broken}
        raise CommandError(f"{len(names)} of {len(RULES)} rules were broken (seed {seed})")
    print(f"all {len(RULES)} rules were kept (seed {seed})")


def told(broken: Sequence[Broken]) -> str:
    """Each broken rule once, in the order in which it was seen, with what shows it."""
    lines = []
    for rule in dict.fromkeys(one.rule for one in broken):
        shown_by = [one.shown_by for one in broken if one.rule == rule]
        lines += [f"{rule}: {RULES[rule]}", *(f"    {text}" for text in shown_by[:SHOWN_MAX])]
        lines += [f"    and {len(shown_by) - SHOWN_MAX} more"] if len(shown_by) > SHOWN_MAX else []
    return "\n".join(lines)


async def checked(command: Sequence[str], *, seed: int, wait_seconds: float) -> list[Broken]:
    """The rules that a desktop breaks. Raises OSError where it cannot be started."""
    inbox = begun(seed)
    runner = web.AppRunner(inbox.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, LOOPBACK, 0)
        await site.start()
        port = runner.addresses[0][1]
        told = {"HIL_INBOX_URL": f"http://{LOOPBACK}:{port}", "HIL_TOKEN": TOKEN, "HIL_ACTOR": ACTOR}
        desktop = await Desktop.start(command, {**told, "HIL_TENANT": TENANT}, answer_seconds=4 * wait_seconds)
        try:
            await _played(Play(inbox, desktop, wait_seconds))
        finally:
            inbox.end()
            await desktop.end()
    finally:
        await runner.cleanup()
    return inbox.broken


async def _played(play: Play) -> None:
    try:
        for act in (*FEED_ACTS, *COMMAND_ACTS):
            await act(play)
    except PlayEnded as ended:
        play.inbox.note(ended.broken)
