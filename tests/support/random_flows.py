"""Random workflows and random histories, both from one seed."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from contracts.budgets import RaiseBudget
from contracts.completions import RequestCompletion
from contracts.conversations import CloseConversation, MessageReceived
from contracts.envelope import Decision
from contracts.executions import StopExecution
from contracts.handovers import OpenApproval
from orchestrator.domain.cost_steps import AskHuman, CheaperProfile, CostStep
from orchestrator.domain.workflow import (
    Backoff,
    Condition,
    DefaultResponse,
    Edge,
    Fallback,
    HandoverRules,
    Limit,
    Limits,
    Node,
    NodeKind,
    Reaction,
    Sink,
    Workflow,
)
from orchestrator.domain.workflow_limits import WorkflowLimits
from tests.support.simulated_log import SimulatedLog

WORKERS = (NodeKind.SIMPLE, NodeKind.REASONING, NodeKind.CODE, NodeKind.TOOL, NodeKind.RULE, NodeKind.HUMAN)
STEPS_MAX = 400


def random_workflow(random: Random) -> Workflow:
    """A graph of one to five nodes with branches, parallel parts, joins, stand-ins and both sinks."""
    names = [f"n{number}" for number in range(random.randint(1, 5))]
    nodes = {name: _node(random, name, standin=random.choice([None, "spare"])) for name in names}
    nodes["spare"] = _node(random, "spare", standin=None)
    nodes["FINISH"] = Node("FINISH", NodeKind.SINK, sink=Sink.FINISH, reply="n0.output.text || 'done'")
    nodes["HANDOVER"] = Node("HANDOVER", NodeKind.SINK, sink=Sink.HANDOVER)
    edges = [
        Edge(source, target, _condition(random))
        for place, source in enumerate(names)
        for target in (*names[place + 1 :], "FINISH", "HANDOVER")
        if random.random() < 0.45 or (target == "FINISH" and source == names[-1])
    ]
    limits = WorkflowLimits(
        deadline_ms=random.choice([20_000, 600_000]),
        cost_max_microdollars=random.choice([None, 50_000]),
        turns_queued_max=random.choice([2, 50]),
        turns_per_minute_max=random.choice([3, 20]),
        context_tokens_max=random.choice([40, 8_000]),
    )
    rules = HandoverRules(
        confidence_min=random.choice([None, 0.3]),
        customer_request_phrases=("human",),
        consecutive_errors_max=random.choice([2, 3]),
        turns_max=random.choice([None, 4]),
        tool_calls_max=random.choice([None, 3]),
        transfer_tools=("shop.transfer",),
    )
    return Workflow(
        "flow",
        "1",
        f"{random.getrandbits(64):x}",
        nodes,
        tuple(edges),
        limits=limits,
        handover=rules,
        cost_steps=_cost_steps(random),
    )


def _cost_steps(random: Random) -> tuple[CostStep, ...]:
    steps: list[CostStep] = [CheaperProfile("fast"), AskHuman(random.choice([5_000, 86_400_000]))]
    random.shuffle(steps)
    return tuple(steps[: random.randint(0, 2)])


def _condition(random: Random) -> Condition | None:
    return random.choice([None, Condition("jmespath", "output.go"), Condition("jmespath", "!(output.go)")])


def _node(random: Random, name: str, *, standin: str | None) -> Node:
    plain: Reaction = Fallback(standin) if standin is not None else DefaultResponse("Sorry.")
    reactions = {limit: plain for limit in Limit if random.random() < 0.4}
    limits = Limits(
        timeout_ms=random.choice([1_000, 30_000]),
        attempts_max=random.randint(1, 3),
        iterations_max=random.randint(1, 3),
        cost_max_microdollars=random.choice([None, 20_000]),
        backoff=Backoff(random.choice(["fixed", "exponential"]), base_ms=500, jitter=random.choice([0.0, 0.3])),
    )
    return Node(
        name,
        random.choice(WORKERS),
        limits=limits,
        reactions=reactions,
        cost_steps=_cost_steps(random) if Limit.COST in reactions else (),
        join=random.choice(["all", "first"]),
        prompt="Look at {{ turn.text }}",
        tool="shop.look",
        tools=("shop.*",),
        arguments={"text": "{{ turn.text }}"},
        inputs={"text": "{{ turn.text }}"},
        expression=Condition("jmespath", random.choice(["{go: `true`}", "{go: `false`}"])),
        ask="May it?",
    )


@dataclass
class RandomHistory:
    """Plays customers, workers, people and the clock against a log. `twice` are decision ids seen more than once."""

    random: Random
    log: SimulatedLog
    unanswered_max: int = 2
    turns: int = 0
    people: bool = True
    stuck: list[str] = field(default_factory=list)

    def play(self, steps: int) -> None:
        """Some steps of anything that may happen."""
        for _ in range(steps):
            self.random.choice(self._moves())()
            self._check()

    def settle(self) -> int:
        """Answer or let time out what is open, until no execution goes on; the steps that it took."""
        for step in range(STEPS_MAX):
            if self.log.state.execution is None:
                return step
            self.random.choice([self.answer, self.answer, self.let_time_pass])()
            self._check()
        raise AssertionError(f"still going on after {STEPS_MAX} steps")

    def _moves(self) -> list[Any]:
        moves = [self.say, self.answer, self.answer, self.answer, self.let_time_pass]
        if self.people:
            moves += [self.person] + ([self.interfere] if self.random.random() < 0.3 else [])
        return moves

    def _check(self) -> None:
        """Something is always owed while an execution goes on, and the time of the next look is always known."""
        plan, state = self.log.plan, self.log.state
        assert plan.decision is None
        if state.execution is not None:
            assert plan.wake_ms is not None and plan.wake_ms > state.log_ms, "nobody would look at it again"

    def say(self) -> None:
        self.turns += 1
        text = self.random.choice(["hi", "where is my order?", "x" * 200, "a human please"])
        self.log.say(text, f"t{self.random.choice([self.turns, max(1, self.turns - 1)])}-{text[:3]}")

    def let_time_pass(self) -> None:
        if self.log.plan.wake_ms is not None:
            self.log.waits_until = self.log.plan.wake_ms
            self.log.wait()
        else:
            self.log.now_ms += 1_000

    def answer(self) -> None:
        """One open command is answered in one of the ways that its worker may."""
        random, log = self.random, self.log
        log.now_ms += random.choice([0, 1, 700])
        found = log.open_commands()
        if not found:
            return
        command_id, command = random.choice(found)
        log.focus = command_id
        if isinstance(command, RequestCompletion):
            random.choice([self._produce, self._produce, self._call_tools, self._fail, self._refuse])()
        elif isinstance(command, RaiseBudget):
            log.raised(random.choice([-1, -1, None, command.cap_microdollars * 3, 1]))
        elif isinstance(command, OpenApproval) and command.budget is not None:
            answer = {"cap_usd": random.choice([0.0, 0.05, 0.1])}
            log.verdict(random.choice(["approve", "approve", "respond", "reject"]), answer=answer)
        elif isinstance(command, OpenApproval):
            verdict = random.choice(["approve", "reject", "respond", "edit"])
            log.verdict(verdict, answer={"go": True, "text": "by hand"}, arguments={"text": "edited"})
        else:
            random.choice([self._tool_result, self._tool_result, self._tool_fails, log.tool_held, log.tool_unknown])()
        log.focus = None

    def _output(self) -> dict[str, Any]:
        random = self.random
        said = {"go": random.random() < 0.6, "text": f"said {random.randint(1, 2)}", "confidence": random.random()}
        return {
            **said,
            "do": random.choice(["run", "run", "use_result", "answer"]),
            "code": "result = 1",
            "answer": said,
        }

    def _produce(self) -> None:
        self.log.produce(self._output(), cost_microdollars=self.random.choice([0, 9_000]))

    def _call_tools(self) -> None:
        names = self.random.choices(["shop.a", "shop.b", "shop.transfer"], [5, 5, 1], k=self.random.randint(1, 2))
        self.log.call_tools(*((name, {"n": 1}) for name in names))

    def _fail(self) -> None:
        error_class = self.random.choice(["timeout", "provider_error", "budget_exceeded"])
        self.log.fail(error_class, retryable=error_class != "budget_exceeded", cost_microdollars=9_000)

    def _refuse(self) -> None:
        """A cap refuses, sometimes one that was raised before."""
        cap = self.random.choice([10_000, 20_000, 50_000, 100_000])
        self.log.refuse(self.random.choice(["node", "execution", "tenant"]), cap_microdollars=cap)

    def _tool_result(self) -> None:
        is_error, untrusted = self.random.random() < 0.2, self.random.random() < 0.3
        self.log.tool_result(self._output(), is_error=is_error, untrusted=untrusted)

    def _tool_fails(self) -> None:
        self.log.tool_fails("server_unavailable", retryable=self.random.random() < 0.6)

    def person(self) -> None:
        """The inbox: claims what is open, speaks, resolves or returns."""
        state, log = self.log.state, self.log
        if state.owner is None:
            log.claim() if state.open_handover is not None else None
        else:
            speak = [lambda: log.human_says("hello", message_id=f"m{len(log.entries)}"), self.speak_slowly]
            speak += [lambda: log.ask_for_draft(f"s{self.random.randint(1, 9)}")]
            self.random.choice([*speak, log.resolve, lambda: log.give_back(order="W7"), self.give_back])()

    def give_back(self) -> None:
        said = self.random.choice(["a refund", "a call", "no more than that"])
        self.log.return_with(outcome="done", promises=[said], not_again=["cancel"])

    def speak_slowly(self) -> None:
        """One of few replies is held, let go or taken back, in any order."""
        name, hold_ms = f"held{self.random.randint(1, 3)}", self.random.choice([0, 500, 5_000])
        hold = lambda: self.log.human_says("let me see", message_id=name, hold_ms=hold_ms)  # noqa: E731
        self.random.choice([hold, hold, hold, lambda: self.log.unsend(name)])()

    def interfere(self) -> None:
        """What may come at any time."""
        takeover = [self.log.claim] if self.log.state.owner is None else []
        wishes = [
            lambda: self.log.put(StopExecution()),
            lambda: self.log.put(CloseConversation()),
            lambda: self.log.put(MessageReceived(turn_id="echo", text="x", author="ai")),
            lambda: self.log.human_says("psst", message_id=f"m{len(self.log.entries)}", epoch=0),
            lambda: self.log.announce(message_id=f"a{self.random.randint(1, 3)}"),
            self._flip_breaker,
            self._flip_stop,
        ]
        self.random.choice([*takeover, *wishes])()

    def _flip_stop(self) -> None:
        self.log.stops = {} if self.log.stops else {self.random.choice(["flow", "*", "other"]): "ana: enough"}

    def _flip_breaker(self) -> None:
        self.log.breakers = self.random.choice([frozenset(), frozenset({"flow/n0", "flow/n1"})])


def random_history(seed: int, *, steps: int, people: bool = True) -> SimulatedLog:
    """A log that something has happened in."""
    random = Random(seed)
    log = SimulatedLog(random_workflow(random))
    RandomHistory(random, log, people=people).play(steps)
    return log


def decisions(log: SimulatedLog) -> list[str]:
    """Ids of all decisions."""
    return [entry.id for entry in log.entries if isinstance(entry.message, Decision)]
