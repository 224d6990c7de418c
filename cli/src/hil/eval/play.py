"""How are the trials of a suite played, each as a conversation or execution of its own?"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

from contracts.conversations import MessageReceived
from contracts.envelope import Identity, LogEntry, derive_message_id
from contracts.executions import ExecutionFinished, ExecutionRefused, StartExecution
from hil.demo.expected_state import ExpectedStates, ServerState, read_state
from hil.demo.play import OVER_DEADLINE_SECONDS
from hil.demo.prepare import Place
from hil.demo.verdict import judge
from hil.domain_file import Domain, Task
from hil.eval.grade import Grader
from hil.eval.judge_case import failure, failures_of, failures_of_task, not_a_trial
from hil.eval.observe import Observation, observe
from hil.eval.results import FAILURES_MAX, CaseResult, Failure, Trial
from hil.eval.suite import Case
from hil.eval.suite_file import AnyCase
from hil.turns import Turn, TurnOutcome, outcome_of, read_until, send_turn
from orchestrator.domain.workflow import Workflow
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.log import Log

TENANT = "eval"
Told = Callable[[AnyCase, Trial], None]


@dataclass(frozen=True, slots=True)
class Tasks:
    """What judges tasks of a domain: its tool server's database, and what it should be."""

    domain: Domain
    place: Place
    states: ExpectedStates
    fresh: ServerState
    _expected: dict[str, "asyncio.Task[ServerState]"] = field(default_factory=dict)

    async def expected(self, task: Task) -> ServerState:
        """Worked out once for all repeats: it does not depend on the key."""
        if task.id not in self._expected:
            self._expected[task.id] = asyncio.create_task(self.states.after(task, f"expected-{task.id}"))
        return await self._expected[task.id]

    def played(self, key: str) -> ServerState:
        return read_state(self.domain, self.place.played, self.domain.state_key(key)) or self.fresh


@dataclass(frozen=True, slots=True)
class Play:
    """A suite on a running system. `mark` is in every key, and no other evaluation has it."""

    connection: Connection
    workflow: Workflow
    mark: str
    tasks: Tasks | None
    grader: Grader | None
    told: Told

    async def all(self, cases: Sequence[AnyCase], *, repeats: int, concurrency: int) -> tuple[CaseResult, ...]:
        """The results of the cases, in their order. Every trial has a key, and so a log and a database, of its own."""
        slots = asyncio.Semaphore(concurrency)

        async def one(repeat: int, case: AnyCase) -> Trial:
            async with slots:
                trial = await self._trial(case, f"{case.id}-{self.mark}-{repeat}")
                self.told(case, trial)
                return trial

        # Repeats of a case lie apart in time, as independent tries do.
        trials = await asyncio.gather(*(one(*which) for which in product(range(1, repeats + 1), cases)))
        return tuple(
            CaseResult(id=case.id, trials=tuple(trials[index :: len(cases)])) for index, case in enumerate(cases)
        )

    async def _trial(self, case: AnyCase, key: str) -> Trial:
        if isinstance(case, Task):
            return await self._task(case, key)
        if case.input is not None:
            await self._execute(case, key)
            problems: list[Failure] = []
        else:
            problems = await self._converse(case.said, key)
        seen = observe(await Log(self.connection).read(TENANT, key))
        graded, cost = await self._graded(case, seen)
        return self._kept(key, seen, [*problems, *failures_of(case, seen), *graded], grading_microdollars=cost)

    async def _task(self, task: Task, key: str) -> Trial:
        assert self.tasks is not None, "tasks are played only where their domain's server runs"
        turn = self._turn(key, 1, task.opening)
        outcome, expected = await asyncio.gather(self._answered(turn), self.tasks.expected(task))
        verdict = judge(self.tasks.domain, task, outcome, expected=expected, played=self.tasks.played(key))
        seen = observe(await Log(self.connection).read(TENANT, key))
        return self._kept(key, seen, list(failures_of_task(verdict)))

    async def _converse(self, said: Sequence[str], key: str) -> list[Failure]:
        """Say everything; once a person has the conversation, or it stands still, the rest would not be answered."""
        for number, text in enumerate(said, start=1):
            outcome = await self._answered(self._turn(key, number, text))
            if not outcome.is_over:
                return [failure("no_outcome", f"message {number} had no outcome in time")]
            if outcome.refused is not None:
                return [failure("no_outcome", f"message {number} was refused: {outcome.refused.reason}")]
            left = len(said) - number
            if left and outcome.handover is not None:
                return [failure("no_outcome", f"{left} messages could not be said: a person has the conversation")]
        return []

    async def _answered(self, turn: Turn) -> TurnOutcome:
        await send_turn(self.connection, turn)
        entries = await self._log(turn.key, lambda log: outcome_of(log, turn).is_over)
        return outcome_of(entries, turn)

    async def _execute(self, case: Case, key: str) -> None:
        message = StartExecution(workflow=self.workflow.name, input=case.input or {})
        id_ = derive_message_id(f"{TENANT}/{key}", "start")
        await publish(self.connection, message, Identity(TENANT, key, id_, id_))
        await self._log(
            key, lambda log: any(isinstance(one.message, ExecutionFinished | ExecutionRefused) for one in log)
        )

    async def _log(self, key: str, is_over: Callable[[Sequence[LogEntry]], bool]) -> list[LogEntry]:
        patience = self.workflow.limits.deadline_ms / 1000 + OVER_DEADLINE_SECONDS
        return await read_until(self.connection, TENANT, key, is_over, timeout_seconds=patience)

    def _turn(self, key: str, number: int, text: str) -> Turn:
        return Turn(TENANT, key, MessageReceived(turn_id=str(number), text=text, workflow=self.workflow.name))

    async def _graded(self, case: Case, seen: Observation) -> tuple[list[Failure], int]:
        failures, cost = [], 0
        for graded in case.grade:
            assert self.grader is not None, "a suite that is graded has a grader"
            grade = await self.grader.grade(case, graded, seen)
            cost += grade.cost_microdollars
            if not grade.holds:
                failures.append(failure("grade", f"{graded.question}: {grade.why}"))
        return failures, cost

    def _kept(
        self, key: str, seen: Observation, failures: Sequence[Failure], *, grading_microdollars: int = 0
    ) -> Trial:
        found = [*not_a_trial(seen, self.workflow.version), *failures]
        return Trial(
            key=key,
            failures=tuple(found[:FAILURES_MAX]),
            executions=seen.executions,
            tool_calls=len(seen.tool_calls),
            completions=seen.completions,
            grading_microdollars=grading_microdollars,
            rating=seen.rating,
        )
