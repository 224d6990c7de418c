"""`hil analytics rebuild`: how are all figures counted anew while the old ones answer, and what came of it?"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from analytics.adapters.generation_documents import GenerationDocuments
from analytics.domain.generations import Build, Generations, asked_for, given_up
from document_store import DocumentStore
from hil.analytics_store import in_analytics_store
from hil.options import DATA_DIR_DEFAULT, AsJson, DataDir
from hil.outcome import CommandError, bad_input, unreachable

LOOK_SECONDS = 0.5
STANDSTILL_SECONDS = 120.0
ASKED_SECONDS = 30.0
"""A service that runs has taken up a build that was asked for, and waited for the archiver, long before."""


def rebuild(
    *,
    accept_losses: Annotated[
        bool, typer.Option("--accept-losses", help="Go over even if figures get lower than they are.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Give up the one that goes on.")] = False,
    data_dir: DataDir = DATA_DIR_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Count all figures anew from the archive and the log, while the old ones answer; then go over to them.

    The service does it: this command asks for it and waits, and may be ended and called again."""
    if cancel and accept_losses:
        raise bad_input("--cancel and --accept-losses contradict each other")
    if cancel:
        known = in_analytics_store(data_dir, _cancel)
        print(json.dumps({"serving": known.serving}) if as_json else f"generation {known.serving} serves on")
        return
    with Console(stderr=True).status("asked for …") as status:
        build = in_analytics_store(data_dir, partial(_rebuilt, accept_losses=accept_losses, tell=status.update))
    lost = ", ".join(f"{name} {count:,}" for name, count in build.losses.items())
    if build.stage == "held":
        text = (
            f"generation {build.number} is counted and held, because these would be lost: {lost}; they are in neither"
        )
        raise CommandError(f"{text} log nor archive. --accept-losses goes over to it, --cancel gives it up")
    if as_json:
        print(json.dumps(asdict(build)))
        return
    print(f"generation {build.number} serves: {build.archived.messages:,} messages of closed logs, then the log")
    if lost:
        print(f"lost, as accepted: {lost}")


async def _cancel(store: DocumentStore) -> Generations:
    return await GenerationDocuments(store).change(partial(given_up, now_ms=time.time_ns() // 1_000_000))


async def _rebuilt(store: DocumentStore, *, accept_losses: bool, tell: Callable[[str], None]) -> Build:
    """The build that took over, or is held."""
    documents, number = GenerationDocuments(store), int(time.time())
    known = await documents.change(partial(asked_for, accepts_losses=accept_losses, number=number))
    before, since = known, time.monotonic()
    while known.building is not None:
        build, patience = known.building, ASKED_SECONDS if known.building.stage == "asked" else STANDSTILL_SECONDS
        if build.stage == "held" and not build.accepts_losses:
            return build
        if known != before:
            before, since = known, time.monotonic()
        if time.monotonic() - since > patience:
            raise unreachable(f"generation {build.number} stands still at {_progress(build)}; does analytics run?")
        tell(f"generation {build.number}: {_progress(build)}")
        await asyncio.sleep(LOOK_SECONDS)
        known, _ = await documents.load()
    if known.rebuilt is None or known.rebuilt.number != before.newest:
        raise CommandError(f"somebody gave up generation {before.newest}; generation {known.serving} serves on")
    return known.rebuilt


def _progress(build: Build) -> str:
    if build.stage in ("asked", "archive"):
        return f"{build.stage}, {build.archived.messages:,} messages"
    return f"log, {build.counted_through:,} of {build.log_through:,}"
