"""What do conversations leave in the log for the measurement of analytics?"""

import random
from collections.abc import Iterator

from contracts.completions import CompletionProduced
from contracts.conversations import ConversationRated, MessageReceived, MessageSent
from contracts.envelope import BasedOn, Message
from contracts.executions import ExecutionFinished, NodeMetrics
from contracts.experiments import Experiment, ExperimentExposed
from contracts.handovers import HandoverClaimed, HandoverPacket, HandoverResolved, OpenHandover
from contracts.kpis import REVENUE, KpiRecorded
from contracts.tool_calls import ToolCallCompleted
from hil.bench.analytics_tally import Tally

TENANT = "bench"
WORKFLOWS = ("returns", "orders", "billing", "address", "faq", "warranty", "delivery", "account", "sales", "other")
TOOLS = ("shop.find", "shop.change", "shop.pay")
IN_REVIEW = WORKFLOWS[0]
MODELS = ("fast", "balanced", "strong")
BASED = BasedOn(now_ms=1, fence=0)
HANDOVERS = 0.05
FAILURES = 0.03
SALES = 0.10
RATINGS = 0.20
COMPARED = WORKFLOWS[1]
"""Its conversations are in an experiment."""
ARMS = ("1.0.0", "1.1.0")


def experiment(*, started_ms: int) -> Experiment:
    """That of all conversations of one workflow."""
    arms = [{"version": version, "content_hash": f"hash{version}", "percent": 50} for version in ARMS]
    known = {"name": "bench", "workflow": COMPARED, "arms": arms, "metrics": ["success_rate", "cost_usd", "csat"]}
    return Experiment.model_validate({**known, "started_ms": started_ms})


SPLIT = experiment(started_ms=0).split
CHOSEN = BASED.model_copy(update={"experiment": SPLIT.name})


def noted(number: int, rng: random.Random, tally: Tally) -> Iterator[tuple[str, Message]]:
    """A conversation, each message counted as it is made."""
    for key, message in conversation(number, rng):
        tally.note(key, message)
        yield key, message


def conversation(number: int, rng: random.Random) -> Iterator[tuple[str, Message]]:
    """(key, message) of one execution: two completions, a tool call, a reply; a few go to a person, some buy, some
    rate."""
    key, execution_id, workflow = f"c{number}", f"x{number}", rng.choice(WORKFLOWS)
    yield key, MessageReceived(turn_id="1", text="Where is my order? I have been waiting for two weeks now.")
    version = rng.choice(ARMS) if workflow == COMPARED else ARMS[0]
    if workflow == COMPARED:
        yield key, ExperimentExposed(based_on=BASED, split=SPLIT, version=version)
    cost = 0
    for node in ("understand", "answer"):
        price = rng.randrange(50, 5_000)
        cost += price
        yield key, CompletionProduced(
            command_id=f"{execution_id}/{node}", node=node, execution_id=execution_id, workflow=workflow,
            model=rng.choice(MODELS), tokens_input=900, tokens_output=120, cost_microdollars=price,
            latency_ms=int(rng.lognormvariate(6.5, 0.5)), text="It is on its way.",
        )  # fmt: skip
    yield key, ToolCallCompleted(
        command_id=f"{execution_id}/tool", tool_call_id="t", tool=rng.choice(TOOLS), node="answer",
        execution_id=execution_id, workflow=workflow, latency_ms=rng.randrange(5, 900), result={"ok": True},
    )  # fmt: skip
    finished = _end(execution_id, workflow, version, cost, rng)
    if finished.sink == "HANDOVER":
        yield from _handover(key, number, finished)
    else:
        yield key, MessageSent(message_id=execution_id, text="It is on its way.", author="ai", based_on=BASED)
    yield key, finished
    if rng.random() < SALES:
        yield key, KpiRecorded(kpi_id="sale", name=REVENUE, value_micros=rng.randrange(10**9), currency="EUR")
    if rng.random() < RATINGS:
        yield key, ConversationRated(rating=rng.randrange(1, 6))


def _end(execution_id: str, workflow: str, version: str, cost: int, rng: random.Random) -> ExecutionFinished:
    drawn = rng.random()
    is_handover, failed = drawn < HANDOVERS, HANDOVERS <= drawn < HANDOVERS + FAILURES
    nodes = tuple(
        NodeMetrics(node=node, agent="helper", outcome="done", attempts=1, completions=1, cost_microdollars=cost // 2)
        for node in ("understand", "answer")
    )
    return ExecutionFinished(
        execution_id=execution_id, based_on=CHOSEN if workflow == COMPARED else BASED,
        sink="HANDOVER" if is_handover or failed else "FINISH",
        success=not failed, mode="conversation", turn_id="1", workflow=workflow, version=version,
        reason="customer_request" if is_handover else "timeout" if failed else None, cost_microdollars=cost,
        started_ms=0, finished_ms=int(rng.lognormvariate(7.5, 0.8)), nodes=nodes, 
        stage="review" if workflow == IN_REVIEW else "auto",
    )  # fmt: skip


def _handover(key: str, number: int, finished: ExecutionFinished) -> Iterator[tuple[str, Message]]:
    handover_id, agent = f"h{number}", f"agent-{number % 40}"
    reason = finished.reason or "timeout"
    packet = HandoverPacket(reason=reason, ask="a person, please")
    yield key, OpenHandover(handover_id=handover_id, reason=reason, packet=packet, based_on=BASED)
    yield key, HandoverClaimed(handover_id=handover_id, ownership_epoch=1, actor_id=agent, agent_id=agent)
    yield (
        key,
        MessageSent(
            message_id=f"m{number}", text="A person answers.", author="human_agent", author_id=agent, based_on=BASED
        ),
    )
    yield key, HandoverResolved(handover_id=handover_id, ownership_epoch=2, actor_id=agent)
