"""How are many customers played at once, each from the first message to the verdict?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.conversations import MessageReceived
from hil.demo.expected_state import ExpectedStates, ServerState, expected_states, read_state
from hil.demo.prepare import Place
from hil.demo.report import Board
from hil.demo.verdict import Verdict, judge
from hil.domain_file import Domain, Task
from hil.turns import Turn, TurnOutcome, send_turn, wait_for_turn
from orchestrator.domain.workflow import Workflow
from service_kit.connection import Connection

TENANT = "demo"
OVER_DEADLINE_SECONDS = 30.0
"""Patience beyond the workflow's own deadline, which ends every execution."""


@dataclass(frozen=True, slots=True)
class Play:
    """One domain played on a running system."""

    connection: Connection
    domain: Domain
    place: Place
    workflow: Workflow
    board: Board

    async def all(self, tasks: Sequence[Task], *, concurrency: int) -> list[Verdict]:
        """A verdict for each task, in their order."""
        slots = asyncio.Semaphore(concurrency)
        async with expected_states(self.domain, self.place.expected) as states:
            fresh = await states.fresh()

            async def one(task: Task) -> Verdict:
                async with slots:
                    self.board.begin(task.id)
                    verdict = await self._one(task, states, fresh)
                    self.board.end(verdict)
                    return verdict

            return list(await asyncio.gather(*map(one, tasks)))

    async def _one(self, task: Task, states: ExpectedStates, fresh: ServerState) -> Verdict:
        key = self.place.key(self.domain, task.id)
        outcome, expected = await asyncio.gather(self._talk(task, key), states.after(task, key))
        played = read_state(self.domain, self.place.played, self.domain.state_key(key))
        return judge(self.domain, task, outcome, expected=expected, played=played or fresh)

    async def _talk(self, task: Task, key: str) -> TurnOutcome:
        message = MessageReceived(turn_id="1", text=task.opening, workflow=self.workflow.name)
        turn = Turn(TENANT, key, message)
        await send_turn(self.connection, turn)
        patience = self.workflow.limits.deadline_ms / 1000 + OVER_DEADLINE_SECONDS
        return await wait_for_turn(self.connection, turn, timeout_seconds=patience)
