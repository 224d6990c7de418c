"""`python -m tests.bench.gate`: does the gate let an unchanged workflow pass every time, and stop each sort of worse?

On the real system with real tools. The model is replayed, which bounds what this shows: the replay heeds the words of
the prompt that the suite names, and the tools that it is offered; that they are gone is real, what a model would do
without them is not. The model of the last row is a replay that waits before each answer."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from hil.demo.prepare import SHIPPED_WORKFLOWS
from hil.eval.evaluate import Extent, System, evaluate, own_system
from hil.eval.figures import MEASURES
from hil.eval.gate import Decision, Verdict, decide
from hil.eval.prepare import Prepared, prepared
from hil.eval.report import why_failed
from hil.eval.results import Evaluation
from hil.eval.suite_file import chosen, load_suite
from hil.replay_model import ReplayModel, TaskPlayer

SUITE = SHIPPED_WORKFLOWS / "suites" / "retail_train.yaml"
WORKFLOW = SHIPPED_WORKFLOWS / "retail.yaml"
INSTRUCTION = "Use only what the customer and the tools tell you; never invent facts, and give no personal opinions."
FINISH_EDGE = "    - {from: assistant, to: FINISH}\n"
NEEDLESS = """\
    - {from: assistant, to: FINISH, condition: "length(output.text) < `3`"}
    - {from: assistant, to: HANDOVER, condition: "length(output.text) >= `3`"}
"""
PASSES = frozenset({"pass_rate"})
HANDOVERS = frozenset({"handover_rate", "intervention_rate"})


@dataclass(frozen=True, slots=True)
class Worse:
    """One thing made worse, by a change of the workflow's text. `metrics` must be exactly those that the gate names
    (pass^k follows pass_rate), and `failures` the sorts of failures that the trials have."""

    name: str
    metrics: frozenset[str]
    failures: frozenset[str] = frozenset()
    change: tuple[str, str] = ("", "")


READING = "tools: [retail.get_*, retail.find_*, retail.list_*, retail.calculate, retail.transfer_to_human_agents]"
WORSE = (
    Worse("prompt", PASSES, frozenset({"reply"}), (INSTRUCTION, "")),
    Worse("tool", PASSES, frozenset({"database", "tools"}), ("tools: [retail.*]", READING)),
    Worse("cost", frozenset({"cost_per_request"}), frozenset(), ("profile: balanced", "profile: powerful")),
    Worse("handover", PASSES | HANDOVERS, frozenset({"sink", "reply"}), (FINISH_EDGE, NEEDLESS)),
)
LATENCY = Worse("latency", frozenset({"p95_latency_ms"}))
"""The model behind it is slower; the workflow's text is the same."""
SLOWER = 9.0
"""How many times as long as in the baseline the slowest executions take: the suite allows six."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was tried, how the gate decided, and whether that is right."""

    name: str
    decision: Decision
    failures: frozenset[str]
    seconds: float
    is_right: bool
    told: tuple[str, ...] = ()

    def __str__(self) -> str:
        found = [finding.metric for finding in (*self.decision.regressions, *self.decision.unproven)]
        reasons = ", ".join(dict.fromkeys(found)) or "-"
        kinds = ", ".join(sorted(self.failures)) or "-"
        mark = "right" if self.is_right else "WRONG"
        why = (
            [] if self.is_right else [finding.text for finding in (*self.decision.regressions, *self.decision.unproven)]
        )
        row = f"{self.name:<14} {self.decision.verdict:<18} {reasons:<58} {kinds:<16} {self.seconds:5.1f} s  {mark}"
        return "\n    ".join([row, *why, *self.told])


@dataclass(frozen=True, slots=True)
class Bench:
    """Which cases, how often, and how often unchanged."""

    ids: Sequence[str]
    sample: int | None
    repeats: int
    unchanged: int
    tell: Callable[[Row], None]

    async def rows(self, directory: Path) -> list[Row]:
        """The unchanged workflow first: once as the baseline, then as often as asked; then what is worse, in turn."""
        async with _model() as model:
            same = self._prepared(WORKFLOW)
            async with own_system(same, directory / "system", lambda _: None) as system:
                return await self._rows(directory, same, system, model)

    async def _rows(self, directory: Path, same: Prepared, system: System, model: ReplayModel) -> list[Row]:
        baseline, rows = await self._evaluated(same, system), []
        for number in range(1, self.unchanged + 1):
            rows.append(await self._row(f"unchanged {number}", baseline, same, system))
        for worse in WORSE:
            changed = self._prepared(_changed(worse, directory))
            rows.append(await self._row(worse.name, baseline, changed, system, worse))
        model.delay_seconds = _delay_seconds(baseline)
        rows.append(await self._row(LATENCY.name, baseline, same, system, LATENCY, concurrency=200))
        return rows

    def _prepared(self, workflow: Path) -> Prepared:
        return prepared(chosen(load_suite(SUITE, workflow), ids=self.ids, sample=self.sample))

    async def _evaluated(self, ready: Prepared, system: System, concurrency: int = 4) -> Evaluation:
        return await evaluate(ready, system, lambda case, trial: None, Extent(self.repeats, concurrency))

    async def _row(
        self,
        name: str,
        baseline: Evaluation,
        ready: Prepared,
        system: System,
        worse: Worse | None = None,
        concurrency: int = 4,
    ) -> Row:
        started = time.monotonic()
        now = await self._evaluated(ready, system, concurrency)
        decision = decide(baseline, now, ready.loaded.suite.gate, ready.workflow.slos)
        failures = frozenset(one.kind for case in now.cases for trial in case.trials for one in trial.failures)
        is_right = _is_right(decision, failures, worse)
        details = [f"{case.id}: {text}" for case in now.cases for text in why_failed(case)] if not is_right else []
        row = Row(name, decision, failures, time.monotonic() - started, is_right, tuple(details))
        self.tell(row)
        return row


@asynccontextmanager
async def _model() -> AsyncIterator[ReplayModel]:
    """The replay model of the suite, in this process, so that it can be made slower while the system runs. To what is
    prepared meanwhile it is a provider."""
    loaded = load_suite(SUITE, WORKFLOW)
    assert loaded.domain is not None, f"{SUITE} has a domain"
    player = TaskPlayer(loaded.domain, instruction=loaded.suite.replay.instruction)
    async with ReplayModel(player=player) as model:
        named = {"LLM_GATEWAY_PROVIDER_URL": model.url, "LLM_GATEWAY_PROVIDER_TRUSTED_WITH_PII": "true"}
        with patch.dict(os.environ, named):
            yield model


def _delay_seconds(baseline: Evaluation) -> float:
    """Before each answer, so that the slowest executions take `SLOWER` times as long as they did."""
    trials = [trial for case in baseline.cases for trial in case.trials]
    p95_ms = MEASURES["p95_latency_ms"]([trials])
    completions = sorted(trial.completions for trial in trials)
    assert p95_ms is not None, "the baseline has executions"
    return SLOWER * p95_ms / 1_000 / completions[int(len(completions) * 0.95) - 1]


def _changed(worse: Worse, directory: Path) -> Path:
    before, after = worse.change
    source = WORKFLOW.read_text()
    assert before in source, f"{WORKFLOW} no longer has {before!r}: nothing would be worse"
    file = directory / f"{worse.name}.yaml"
    file.write_text(source.replace(before, after))
    return file


def _is_right(decision: Decision, failures: frozenset[str], worse: Worse | None) -> bool:
    found = {finding.metric for finding in (*decision.regressions, *decision.unproven)}
    if worse is None:
        return decision.verdict is Verdict.PASSED and not found and not failures
    named = {metric for metric in found if not metric.startswith("pass^")}
    return decision.verdict is Verdict.REGRESSED and named == worse.metrics and failures == worse.failures


def main() -> int:
    """Status 1 if any row is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gate", description=__doc__)
    parser.add_argument("--sample", type=int, default=24, help="cases, evenly spread over the 74")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--unchanged", type=int, default=20, help="evaluations of the unchanged workflow")
    arguments = parser.parse_args()
    bench = Bench(
        ids=(),
        sample=arguments.sample,
        repeats=arguments.repeat,
        unchanged=arguments.unchanged,
        tell=lambda row: print(row, flush=True),
    )
    with tempfile.TemporaryDirectory(prefix="hil-gate-") as directory:
        rows = asyncio.run(bench.rows(Path(directory)))
    passed = sum(row.decision.verdict is Verdict.PASSED for row in rows[: arguments.unchanged])
    print(
        f"unchanged: {passed} of {arguments.unchanged} passed; {sum(not row.is_right for row in rows)} rows are wrong"
    )
    return 0 if all(row.is_right for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
