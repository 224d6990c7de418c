"""What is an independent count of the messages that analytics is measured with, and where does an answer differ?"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.completions import CompletionProduced
from contracts.conversations import ConversationRated, MessageReceived, MessageSent
from contracts.envelope import Message
from contracts.executions import ExecutionFinished
from contracts.experiments import ExperimentExposed
from contracts.handovers import HandoverClaimed, HandoverResolved, OpenHandover
from contracts.kpis import KpiRecorded
from contracts.tool_calls import ToolCallCompleted

DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "executions": ("workflow", "version", "stage", "outcome"),
    "nodes": ("workflow", "version", "stage", "node", "agent", "outcome"),
    "completions": ("workflow", "node", "model", "outcome"),
    "tools": ("workflow", "node", "tool", "outcome"),
    "people": ("person",),
    "messages": (),
}
"""Kinds of figures, and by what their rows are told apart."""

Place = tuple[str, tuple[str, ...]]
"""A kind of figures and the values of its dimensions."""


@dataclass(slots=True)
class Tally:
    """Plain numbers, counted as the messages are made: by workflow, by kind of figures, and by conversation. `worth`
    of a workflow: sales, revenue and ratings; `arms` of a version in the experiment: conversations, ends and cost."""

    executions: Counter[str] = field(default_factory=Counter)
    successes: Counter[str] = field(default_factory=Counter)
    handovers: Counter[str] = field(default_factory=Counter)
    microdollars: Counter[str] = field(default_factory=Counter)
    latencies_ms: dict[str, list[int]] = field(default_factory=dict)
    messages: int = 0
    figures: dict[Place, Counter[str]] = field(default_factory=dict)
    conversations: dict[str, Counter[str]] = field(default_factory=dict)
    worth: dict[str, Counter[str]] = field(default_factory=dict)
    arms: dict[str, Counter[str]] = field(default_factory=dict)
    _workflows: dict[str, str] = field(default_factory=dict)
    """Of each conversation."""

    def note(self, key: str, message: Message) -> None:
        """One message of a conversation."""
        talk = self.conversations.setdefault(key, Counter())
        match message:
            case MessageReceived():
                self.messages += 1
                self._add("messages", (), messages_received=1)
                talk["customer"] += 1
            case MessageSent(author=author, author_id=author_id):
                self._add("messages", (), messages_sent=1)
                talk[author] += 1
                if author_id is not None:
                    self._add("people", (author_id,), replies=1)
            case CompletionProduced():
                self._completion(message)
                talk["ai_cost_microdollars"] += message.cost_microdollars
            case ToolCallCompleted(workflow=workflow, node=node, tool=tool):
                self._add("tools", (workflow, node, tool, "completed"), calls=1)
            case ExecutionFinished():
                self._workflows[key] = message.workflow
                self._execution(message)
                talk["executions"] += 1
                talk["successes"] += message.success
            case KpiRecorded() | ConversationRated() | ExperimentExposed():
                self._worth(key, message)
            case _:
                self._people(message, talk)

    def _add(self, family: str, place: tuple[str, ...], **counts: int) -> None:
        self.figures.setdefault((family, place), Counter()).update(counts)

    def _completion(self, message: CompletionProduced) -> None:
        place = (message.workflow, message.node, message.model or "", "produced")
        self._add(
            "completions", place, completions=1, cost_microdollars=message.cost_microdollars,
            tokens_input=message.tokens_input, tokens_output=message.tokens_output,
        )  # fmt: skip

    def _execution(self, message: ExecutionFinished) -> None:
        name, handed_over = message.workflow, message.sink == "HANDOVER"
        self.executions[name] += 1
        self.successes[name] += message.success
        self.handovers[name] += handed_over
        self.microdollars[name] += message.cost_microdollars
        self.latencies_ms.setdefault(name, []).append(message.finished_ms - message.started_ms)
        outcome = "failed" if not message.success else "handed_over" if handed_over else "finished"
        place = (name, message.version, message.stage)
        self._add("executions", (*place, outcome), executions=1, cost_microdollars=message.cost_microdollars, turns=1)
        if message.based_on.experiment is not None:
            self.arms[message.version].update(ended=1, cost_microdollars=message.cost_microdollars)
        for node in message.nodes:
            at = (*place, node.node, node.agent or "", node.outcome)
            self._add("nodes", at, runs=1, attempts=node.attempts, cost_microdollars=node.cost_microdollars)

    def _worth(self, key: str, message: KpiRecorded | ConversationRated | ExperimentExposed) -> None:
        worth = self.worth.setdefault(self._workflows.get(key, ""), Counter())
        match message:
            case ExperimentExposed(version=version):
                self._add("messages", (), conversations_exposed=1)
                self.arms.setdefault(version, Counter())["conversations"] += 1
            case KpiRecorded(value_micros=micros):
                self._add("messages", (), kpi_messages=1)
                worth.update(sales=1, revenue_micros=micros)
            case ConversationRated(rating=rating):
                self._add("messages", (), ratings=1)
                by = "handed_over" if self.conversations[key]["handovers"] else "ai_only"
                worth.update({f"ratings.{by}": 1, f"rating_sum.{by}": rating})

    def _people(self, message: Message, talk: Counter[str]) -> None:
        match message:
            case OpenHandover():
                self._add("messages", (), handovers_opened=1)
                talk["handovers"] += 1
            case HandoverClaimed(agent_id=agent_id):
                self._add("messages", (), handovers_claimed=1)
                self._add("people", (agent_id,), claims=1)
                talk["turns"] += 1
            case HandoverResolved(actor_id=actor_id):
                self._add("messages", (), handovers_resolved=1)
                self._add("people", (actor_id,), resolved=1)
            case _:
                raise AssertionError(f"nobody counts {type(message).__name__}")

    def differences(self, family: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Sum of the differences of one kind of figures from the answer to a question for `counts`; rows that nobody
        expected count in full."""
        dimensions = DIMENSIONS[family]
        told = {tuple(row[name] for name in dimensions): Counter[str](row["counts"]) for row in rows}
        expected = {place: counts for (kind, place), counts in self.figures.items() if kind == family}
        wrong = 0
        for place in told.keys() | expected.keys():
            counts, known = told.get(place, Counter()), expected.get(place, Counter())
            wrong += sum(abs(counts[name] - known[name]) for name in known or counts)
        return wrong

    def worth_differences(self, workflow: str, told: Mapping[str, Any]) -> int:
        """Sum of the differences of one workflow from what `/v1/kpis` says of its period."""
        found = Counter(
            sales=told["events"].get("revenue", {}).get("count", 0), revenue_micros=told["revenue_micros"].get("EUR", 0)
        )
        for by, csat in told["csat"].items():
            found.update({f"ratings.{by}": csat["ratings"], f"rating_sum.{by}": _whole(csat["mean"], csat["ratings"])})
        return _differences(found, self.worth.get(workflow, Counter()))

    def arm_differences(self, told: Iterable[Mapping[str, Any]]) -> int:
        """Sum of the differences from the arms of the experiment's report."""
        found = {
            arm["version"]: Counter(
                conversations=arm["conversations"],
                ended=arm["ended"],
                cost_microdollars=_whole(arm["means"]["cost_usd"], arm["ended"] * 1_000_000),
            )
            for arm in told
        }
        return sum(
            _differences(found.get(version, Counter()), self.arms.get(version, Counter()))
            for version in found.keys() | self.arms.keys()
        )

    def conversation_differences(self, key: str, told: Mapping[str, Any]) -> int:
        """Sum of the differences of one conversation from what analytics says of it."""
        expected = self.conversations[key]
        names = ("executions", "successes", "ai_cost_microdollars")
        found = {**told["messages"], **{name: told[name] for name in names}}
        found |= {"handovers": len(told["handovers"]), "turns": len(told["turns"])}
        return sum(abs(found.get(name, 0) - expected[name]) for name in found.keys() | expected.keys())


def _whole(mean: float | None, count: int) -> int:
    """The sum that a mean was made of."""
    return 0 if mean is None else round(mean * count)


def _differences(one: Counter[str], other: Counter[str]) -> int:
    return sum(abs(one[name] - other[name]) for name in one.keys() | other.keys())
