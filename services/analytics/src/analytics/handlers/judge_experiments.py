"""What does an experiment show now, asked for by any number of pages?"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from analytics.adapters.experiment_units import load_units
from analytics.adapters.figure_store import FigureStore
from analytics.domain.experiment_history import HistoryPoint, history
from analytics.domain.experiment_units import Unit
from analytics.domain.judge_experiment import Report, judge, summaries_of
from analytics.domain.rollup import Settled
from contracts.experiments import Experiment

UNITS_MAX = 100_000
"""Conversations that one report looks at; those of an experiment beyond it are left out, in the order of keys."""
KEPT_MS = 1_000
KEPT_TIMES = 10
"""A report is given again for so many times as long as it took: 5 s of work for 100,000 conversations (measured)."""
KEPT_MAX = 50


@dataclass(frozen=True, slots=True)
class Judged:
    """What an experiment shows through message `as_of_seq` of the log."""

    report: Report
    history: list[HistoryPoint]
    is_cut: bool
    as_of_seq: int
    good_until_ms: int


@dataclass(slots=True)
class JudgeExperiments:
    """Who asks while a report is made waits for it; those of different experiments are made one after the other, since
    each holds its conversations in memory."""

    figures: FigureStore
    read_settled: Callable[[], Awaitable[Settled]]
    now_ms: Callable[[], int]
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _made: dict[tuple[str, Experiment], "asyncio.Task[Judged]"] = field(default_factory=dict)

    async def __call__(self, tenant: str, experiment: Experiment) -> Judged:
        """A report of now, or of a moment ago. Raises RetryLater."""
        asked = (tenant, experiment)
        known = self._made.get(asked)
        if known is None or (known.done() and not self._is_good(known)):
            self._made.pop(asked, None)
            known = self._made[asked] = asyncio.create_task(self._judged(tenant, experiment))
            if len(self._made) > KEPT_MAX:
                del self._made[next(iter(self._made))]
        return await asyncio.shield(known)

    def _is_good(self, made: "asyncio.Task[Judged]") -> bool:
        failed = made.cancelled() or made.exception() is not None
        return not failed and self.now_ms() < made.result().good_until_ms

    async def _judged(self, tenant: str, experiment: Experiment) -> Judged:
        async with self._one_at_a_time:
            started_ms, settled = self.now_ms(), await self.read_settled()
            units, is_cut = await load_units(self.figures, tenant, experiment, at_most=UNITS_MAX)
            until_ms = max(experiment.stopped_ms or started_ms, experiment.started_ms)
            report, points = await asyncio.to_thread(_told, experiment, units, until_ms)
        now_ms = self.now_ms()
        good_until_ms = now_ms + max(KEPT_MS, KEPT_TIMES * (now_ms - started_ms))
        return Judged(report, points, is_cut, settled.floor, good_until_ms)


def _told(experiment: Experiment, units: list[Unit], until_ms: int) -> tuple[Report, list[HistoryPoint]]:
    """Up to a second of work, so beside the event loop."""
    return judge(experiment, summaries_of(experiment, units)), history(experiment, units, until_ms=until_ms)
