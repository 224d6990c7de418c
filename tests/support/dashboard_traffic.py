"""Which messages would two days of three workflows have left in the log? The same ones for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import pi, sin
from random import Random

from contracts.completions import CompletionProduced
from contracts.conversations import MessageSent
from contracts.envelope import BasedOn, LogEntry, Message
from contracts.executions import ExecutionFinished, NodeMetrics
from contracts.handovers import HandoverClaimed, HandoverPacket, HandoverResolved, OpenHandover
from contracts.tool_calls import ToolCallCompleted, ToolCallFailed

BASED = BasedOn(now_ms=1, fence=0)
DAY_MS = 86_400_000
FLOWS = ("customer_support", "customer_support", "customer_support", "returns", "returns", "technical_issues")
NODES = {"customer_support": "answer", "returns": "check_eligibility", "technical_issues": "diagnose"}
MODELS = ("gpt-5.1-mini", "gpt-5.1-mini", "gpt-5.1", "claude-haiku-5")
TOOLS = ("shop.find_order", "shop.find_order", "shop.refund", "kb.search")
REASONS = ("customer_request", "customer_request", "low_confidence", "timeout", "budget_exceeded")
PEOPLE = ("ana", "bo", "chidi")

Told = tuple[str, LogEntry]


@dataclass
class Traffic:
    """Entries with the keys that they belong to, in the order of the log."""

    seed: int = 7
    every_ms: int = 300_000
    sequence: int = 0
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def until(self, now_ms: int, *, days: int = 2) -> Iterator[Told]:
        """What happened before `now_ms`; less at night, and a bad hour in the last day."""
        at_ms, number = now_ms - days * DAY_MS, 0
        while at_ms < now_ms:
            busy = 0.55 + 0.45 * sin(at_ms / DAY_MS * 2 * pi - pi / 2)
            if self.random.random() < busy:
                is_bad_hour = 8 < (now_ms - at_ms) / 3_600_000 < 9.5
                yield from self.execution(f"c{number}", at_ms, failing=0.45 if is_bad_hour else 0.05)
                number += 1
            at_ms += self.every_ms

    def execution(self, key: str, at_ms: int, *, failing: float = 0.0, workflow: str | None = None) -> Iterator[Told]:
        """One turn to its sink, with what people do where it is handed over."""
        name = workflow or self.random.choice(FLOWS)
        failed = self.random.random() < failing
        model, tool = self.random.choice(MODELS), self.random.choice(TOOLS)
        tokens, slow = self.random.randint(600, 5_200), self.random.lognormvariate(0, 0.5)
        cost = tokens * (6 if model == "gpt-5.1" else 1)
        spoken = CompletionProduced(
            command_id=key, node=NODES[name], workflow=name, model=model, tokens_input=tokens,
            tokens_cached=tokens // 3, tokens_output=tokens // 8, cost_microdollars=cost, latency_ms=int(900 * slow),
        )  # fmt: skip
        yield self.told(key, at_ms - 3_000, spoken)
        yield self.told(key, at_ms - 2_000, self.called(key, name, tool, failed))
        asked = failed or self.random.random() < 0.07
        yield self.told(key, at_ms, self.ended(key, at_ms, name, cost=cost, slow=slow, failed=failed, asked=asked))
        if asked:
            yield from self.people(key, at_ms)

    def called(self, key: str, workflow: str, tool: str, failed: bool) -> Message:
        fields = {"command_id": f"t{key}", "tool_call_id": "1", "tool": tool, "workflow": workflow}
        fields |= {"node": NODES[workflow], "latency_ms": self.random.randint(30, 400), "cost_microdollars": 200}
        if failed and tool != "kb.search":
            return ToolCallFailed.model_validate({**fields, "error_class": "timeout"})
        return ToolCallCompleted.model_validate({**fields, "result": {}})

    def ended(
        self, key: str, at_ms: int, workflow: str, *, cost: int, slow: float, failed: bool, asked: bool
    ) -> ExecutionFinished:
        reason = self.random.choice(REASONS[2:]) if failed else "customer_request" if asked else None
        took = int((5_000 if failed else 2_400) * slow)
        nodes = (
            NodeMetrics(node="classify_intent", agent="classifier", outcome="done", attempts=1, completions=1,
                        cost_microdollars=cost // 10, duration_ms=took // 5),
            NodeMetrics(node=NODES[workflow], agent="assistant", outcome="failed" if failed else "done",
                        attempts=3 if failed else 1, completions=1, tool_calls=1, cost_microdollars=cost - cost // 10,
                        duration_ms=took - took // 5, error_class="timeout" if failed else None),
        )  # fmt: skip
        return ExecutionFinished(
            execution_id=f"x{key}", sink="HANDOVER" if asked else "FINISH", success=not failed, mode="conversation",
            reason=reason, turn_id="1", workflow=workflow, version="2.4.0" if self.random.random() < 0.3 else "2.3.1",
            cost_microdollars=cost, started_ms=at_ms - took, finished_ms=at_ms, nodes=nodes, based_on=BASED,
        )  # fmt: skip

    def people(self, key: str, at_ms: int) -> Iterator[Told]:
        who = self.random.choice(PEOPLE)
        packet = HandoverPacket(reason="customer_request", ask="a person, please")
        opened = {"handover_id": f"h{key}", "reason": "customer_request", "packet": packet, "based_on": BASED}
        yield self.told(key, at_ms, OpenHandover.model_validate(opened))
        fact = {"handover_id": f"h{key}", "actor_id": who}
        claimed = {**fact, "ownership_epoch": 1, "agent_id": who}
        yield self.told(key, at_ms + 1_000, HandoverClaimed.model_validate(claimed))
        said = {"message_id": f"m{key}", "text": "I see to it.", "author": "human_agent", "author_id": who}
        yield self.told(key, at_ms + 2_000, MessageSent.model_validate({**said, "based_on": BASED}))
        if self.random.random() < 0.9:
            yield self.told(key, at_ms + 3_000, HandoverResolved.model_validate({**fact, "ownership_epoch": 2}))

    def told(self, key: str, at_ms: int, message: Message) -> Told:
        self.sequence += 1
        return key, LogEntry(self.sequence, at_ms, f"sequence:{self.sequence}", message, 100)
