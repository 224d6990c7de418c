"""`hil bench budget`: does more reach a provider than a budget allows, whatever happens meanwhile?

Each scenario has a tenant with a budget worth a few calls, 200 callers at once over three gateways, then 200 more.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hil.bench.budget_callers import NO_ANSWER, Listening
from hil.bench.budget_stage import Model, Part, Seen, Stage, stage
from hil.bench.upstream import DEAR_FACTOR
from hil.embedded.errors import EmbeddedError

CALLERS = 200
# Leases last 15 s longer than their calls (llm_gateway.handlers.purse).
_LAPSE_SECONDS = 60.0
# Long enough to be killed in the middle on a machine with other work to do.
_KILLED_TIMEOUT_MS, _KILLED_DELAY_MS = 8_000, 3_000.0


class Form(StrEnum):
    """How long the upstream takes: 0.4 s or 1 s."""

    SHORT = "short"
    FULL = "full"

    @property
    def delay_ms(self) -> float:
        """Of the upstream's answers."""
        return 400.0 if self is Form.SHORT else 1_000.0


@dataclass(frozen=True, slots=True)
class Rule:
    """What a scenario may do: so many calls, at least so many, and money that may be billed beyond the budget."""

    title: str
    part: Part
    play: Callable[[Stage, Part], Awaitable[None]]
    allowed: int = 10
    least: int = 10
    bill_factor: int = 1


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """What came of a scenario; money in micro-dollars. `leaked`: billed beyond what was allowed, or never counted."""

    scenario: str
    allowed: int
    reached_upstream: int
    leaked_microdollars: int
    budget_microdollars: int
    billed_microdollars: int
    spent_microdollars: int
    held_microdollars: int
    statuses: dict[str, int]
    violations: list[str] = field(default_factory=list)


async def two_waves(staged: Stage, part: Part) -> None:
    """200 at once, and when they have their answers 200 more."""
    for _ in range(2):
        await staged.wave(part, CALLERS)


async def killed_gateways(staged: Stage, part: Part) -> None:
    """All gateways are killed while calls are on their way, and started again; leases lapse at their maximum."""
    first = asyncio.create_task(staged.wave(part, CALLERS))

    async def all_in_flight() -> bool:
        return await staged.reached(part) >= part.calls

    await staged.until(all_in_flight, "the first calls reach the upstream")
    for gateway in staged.gateways:
        gateway.child.kill()
    await first
    if staged.statuses[part.name][NO_ANSWER] < part.calls:
        raise EmbeddedError(f"gateways were to be killed in mid-call, but answered: {staged.statuses[part.name]}")
    for gateway in staged.gateways:
        gateway.start()
    await staged.ready()
    await staged.wave(part, CALLERS)

    async def nothing_held() -> bool:
        return await staged.held(part) == 0

    await staged.until(nothing_held, "the leases of killed gateways lapse", seconds=_LAPSE_SECONDS)
    await staged.wave(part, CALLERS)


async def killed_redis(staged: Stage, part: Part) -> None:
    """Redis is killed in the middle of it and started again with its data."""
    await _without_redis(staged, part, staged.stack.redis.start)


async def empty_redis(staged: Stage, part: Part) -> None:
    """Redis is killed and an empty one takes its place: the books are rebuilt from the ledger before any call."""

    def replace() -> None:
        for kept in (staged.stack.directory / "redis").glob("appendonly*"):  # A file up to Redis 6, then a folder.
            shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
        staged.stack.redis.start()

    await _without_redis(staged, part, replace)


async def _without_redis(staged: Stage, part: Part, come_back: Callable[[], None]) -> None:
    first = asyncio.create_task(staged.wave(part, CALLERS, spread_seconds=3.0))

    async def in_the_middle() -> bool:
        return await staged.reached(part) >= part.calls / 3

    await staged.until(in_the_middle, "a third of the calls reach the upstream")
    staged.stack.redis.kill()
    come_back()
    await first
    await staged.ready()
    await staged.wave(part, CALLERS)


TOGETHER = (
    Rule("budget worth 10 calls", Part("ten", (Model.EXACT,), 10), two_waves),
    Rule(
        "no max_tokens, budget worth 9.6 of the longest",
        Part("unlimited", (Model.EXACT,), 9.6, output_tokens_max=None),
        two_waves,
        least=8,
    ),
    Rule("provider bills 50 times the estimate", Part("dear", (Model.DEAR,), 10), two_waves, bill_factor=DEAR_FACTOR),
    Rule("every call fails over", Part("failover", (Model.FAILING, Model.EXACT), 10), two_waves, least=8),
    Rule(
        "streams cut by the client",
        Part("hangup", (Model.EXACT,), 10, listening=Listening.HANGS_UP),
        two_waves,
        least=8,
    ),
    Rule(
        "streams cut by the server",
        Part("cut", (Model.CUTTING,), 10, listening=Listening.TO_THE_END),
        two_waves,
        least=8,
    ),
)
AFTERWARDS = (
    Rule("Redis killed and restarted", Part("restart", (Model.EXACT,), 100), killed_redis, allowed=100, least=60),
    Rule("Redis replaced by an empty one", Part("empty", (Model.EXACT,), 100), empty_redis, allowed=100, least=60),
)
KILLED = (
    Rule(
        "gateways killed in mid-call",
        Part("killed", (Model.EXACT,), 10, timeout_ms=_KILLED_TIMEOUT_MS),
        killed_gateways,
    ),
)


def measure(directory: Path, form: Form) -> list[BudgetRow]:
    """All scenarios; those that kill something have what they kill to themselves."""
    with ExitStack() as open_stages:
        main_rules = TOGETHER + AFTERWARDS
        main = open_stages.enter_context(
            stage(directory / "main", tuple(rule.part for rule in main_rules), delay_ms=form.delay_ms)
        )
        killed = open_stages.enter_context(
            stage(directory / "killed", tuple(rule.part for rule in KILLED), delay_ms=_KILLED_DELAY_MS)
        )
        return asyncio.run(_measured(main, killed))


async def _measured(main: Stage, killed: Stage) -> list[BudgetRow]:
    async def on_main() -> list[BudgetRow]:
        rows = list(await asyncio.gather(*(_row(main, rule) for rule in TOGETHER)))
        for rule in AFTERWARDS:
            rows.append(await _row(main, rule))
        return rows

    async with asyncio.TaskGroup() as group:
        first = group.create_task(on_main())
        second = group.create_task(_rows(killed, KILLED))
    return [*first.result(), *second.result()]


async def _rows(staged: Stage, rules: Sequence[Rule]) -> list[BudgetRow]:
    return [await _row(staged, rule) for rule in rules]


async def _row(staged: Stage, rule: Rule) -> BudgetRow:
    await rule.play(staged, rule.part)
    return judged(rule, await staged.seen(rule.part), staged.budget(rule.part), dict(staged.statuses[rule.part.name]))


def judged(rule: Rule, seen: Seen, budget: int, statuses: dict[int, int]) -> BudgetRow:
    """The row, with what it did against its rule."""
    beyond = max(seen.billed - budget * rule.bill_factor, 0)
    uncounted = max(seen.billed - seen.spent - seen.held, 0)
    wrong = []
    if seen.reached > rule.allowed:
        wrong.append(f"{seen.reached} calls reached the upstream, {rule.allowed} were allowed")
    if seen.reached < rule.least:
        wrong.append(f"{seen.reached} calls reached the upstream, the budget is worth at least {rule.least}")
    if beyond:
        wrong.append(f"{beyond} micro-dollars were billed beyond the budget")
    if uncounted:
        wrong.append(f"{uncounted} micro-dollars were billed and never counted")
    return BudgetRow(
        scenario=rule.title,
        allowed=rule.allowed,
        reached_upstream=seen.reached,
        leaked_microdollars=max(beyond, uncounted),
        budget_microdollars=budget,
        billed_microdollars=seen.billed,
        spent_microdollars=seen.spent,
        held_microdollars=seen.held,
        statuses={str(status or "no answer"): count for status, count in sorted(statuses.items())},
        violations=wrong,
    )
