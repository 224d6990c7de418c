"""The rules of ARCHITECTURE §1: each test fails when its rule is taken out of `advance`, the fold or the log."""

from dataclasses import replace

import pytest

from contracts.completions import CompletionProduced, RequestCompletion
from contracts.conversations import MessageReceived
from contracts.envelope import Decision, LogEntry, Message
from contracts.executions import ExecutionFinished, StartExecution, TimerFired
from contracts.subjects import parse_subject, subject_for
from orchestrator.adapters.conversation_cache import ConversationCache
from orchestrator.domain.fold import fold
from orchestrator.domain.state import Conversation
from orchestrator.domain.workflow import Workflow
from orchestrator.handlers.advance import Advancer
from service_kit.bus import UNPROVEN, Delivery
from service_kit.key_timers import NOTHING, Armed
from tests.support.racing_log import NotedTimers, RacingLog
from tests.support.simulated_log import workflow

JOIN = workflow("""
name: join
version: 1.0.0
agents:
  a: {kind: simple, profile: fast, prompt: "Say"}
workflow:
  start: [left, right]
  nodes:
    - {id: left, agent: a}
    - {id: right, agent: a}
    - {id: both, agent: a}
    - {id: FINISH, type: sink, action: finish_conversation}
    - {id: HANDOVER, type: sink, action: handover_to_human}
  edges:
    - {from: left, to: both}
    - {from: right, to: both}
    - {from: both, to: FINISH}
""")


class OneWorkflow:
    """Knows exactly one version."""

    def routes(self, tenant: str) -> dict[str | None, str]:
        return {None: JOIN.content_hash, "join": JOIN.content_hash}

    def known(self, content_hash: str) -> Workflow | None:
        return JOIN

    async def look_again(self, tenant: str, name: str | None) -> None:
        return

    async def load(self, content_hash: str) -> Workflow | None:
        return JOIN


class NoArchive:
    """Nothing was ever archived."""

    async def load(self, tenant: str, key: str) -> list[LogEntry]:
        return []


def advancer(log: RacingLog, *, replicas: int = 1) -> Advancer:
    return Advancer(
        log=log,
        timers=NotedTimers(log.events),
        workflows=OneWorkflow(),
        archive=NoArchive(),
        cache=ConversationCache(),
        now_ms=lambda: 5_000,
        open_breakers=frozenset,
        ai_stops=lambda tenant: {},
        experiments=lambda tenant: {},
        reads_after_append=replicas > 1,
    )


def delivery(entry: LogEntry, *, complete_from: int = UNPROVEN) -> Delivery:
    assert entry.message is not None
    return Delivery(parse_subject(subject_for(entry.message, "acme", "e1")), entry.message, entry, 1, complete_from)


def requests(log: RacingLog) -> dict[str, str]:
    return {e.message.node: e.id for e in log.entries if isinstance(e.message, RequestCompletion)}


def produced(log: RacingLog, node: str) -> tuple[Message, str]:
    command_id = requests(log)[node]
    return CompletionProduced(command_id=command_id, node=node, text=node), f"result:{command_id}"


async def begun(log: RacingLog, core: Advancer) -> None:
    start = log.store(StartExecution(workflow="join"), id="start")
    await core.on_input(delivery(start))
    assert set(requests(log)) == {"left", "right"}


def decisions(log: RacingLog) -> list[Decision]:
    return [entry.message for entry in log.entries if isinstance(entry.message, Decision)]


async def test_rule_1_a_message_delivered_to_the_other_orchestrator_is_read_before_deciding() -> None:
    log = RacingLog()
    core = advancer(log)
    await begun(log, core)
    message, identity = produced(log, "left")
    log.store(message, id=identity)  # Delivered to the other orchestrator, which died.
    message, identity = produced(log, "right")
    await core.on_input(delivery(log.store(message, id=identity)))
    assert "both" in requests(log), "the two halves of the join wait for each other for ever"


async def test_rule_2_without_a_proof_of_completeness_the_gap_is_read_and_with_it_not() -> None:
    log = RacingLog()
    core = advancer(log)
    await begun(log, core)
    log.events.clear()
    message, identity = produced(log, "left")
    proved = log.store(message, id=identity)
    await core.on_input(delivery(proved, complete_from=proved.sequence))
    assert not [event for event in log.events if event.startswith("read")]
    message, identity = produced(log, "right")
    await core.on_input(delivery(log.store(message, id=identity), complete_from=proved.sequence + 50))
    assert [event for event in log.events if event.startswith("read")]
    assert "both" in requests(log)


async def test_rule_3_on_replicas_an_input_below_an_own_decision_is_folded_before_the_next() -> None:
    log = RacingLog()
    core = advancer(log, replicas=3)
    start = log.store(StartExecution(workflow="join"), id="start")
    stray = MessageReceived(turn_id="1", text="hi", author="ai")
    log.under_next = [LogEntry(0, 0, "stray", stray, 10)]
    await core.on_input(delivery(start))
    first, second = decisions(log)[:2]
    assert "stray" not in first.based_on.inputs
    assert second.based_on.inputs == ("stray",), "a decision was made without an input below its fence"


async def test_rule_4_success_beats_failure_and_order_does_not_matter() -> None:
    log = RacingLog()
    core = advancer(log)
    await begun(log, core)
    state = core.cache.get("acme", "e1")
    assert state is not None
    made = [produced(log, node) for node in ("left", "right")]
    results = [log.store(message, id=identity) for message, identity in made]
    forwards, backwards = state.state, state.state
    for entry in results:
        forwards = fold(forwards, entry)
    for entry in reversed(results):
        backwards = fold(backwards, entry)
    assert forwards.outcomes == backwards.outcomes
    assert set(forwards.uncovered) == set(backwards.uncovered)


async def test_rule_4_an_input_is_known_by_its_id_and_never_by_its_sequence() -> None:
    log = RacingLog()
    core = advancer(log, replicas=3)
    await begun(log, core)
    cached = core.cache.get("acme", "e1")
    assert cached is not None
    message, identity = produced(log, "left")
    late = LogEntry(1, 1_500, identity, message, 100)  # Below the end of the prefix, as replicas may deliver it.
    core.cache.put(replace(cached, state=replace(cached.state, last_sequence=max(3, cached.state.last_sequence))))
    await core.on_input(delivery(late))
    known = core.cache.get("acme", "e1")
    assert known is not None
    assert requests(log)["left"] in known.state.outcomes, "an input was skipped because of its sequence"


async def test_rule_5_every_decision_names_the_inputs_that_it_was_based_on() -> None:
    log = RacingLog()
    core = advancer(log)
    await begun(log, core)
    for node in ("left", "right", "both"):
        message, identity = produced(log, node)
        await core.on_input(delivery(log.store(message, id=identity)))
    named = [decision.based_on.inputs for decision in decisions(log)]
    assert named[0] == ("start",)
    assert sorted(named[2]) == sorted(f"result:{requests(log)[node]}" for node in ("left", "right"))
    assert isinstance(decisions(log)[-1], ExecutionFinished)


async def test_a_timer_is_stored_before_the_command_that_it_guards() -> None:
    log = RacingLog()
    await begun(log, advancer(log))
    assert log.events.index("arm") < log.events.index("append completion.request")


async def test_a_timer_that_fired_for_the_other_orchestrator_is_stored_anew() -> None:
    log = RacingLog()
    core = advancer(log)
    await begun(log, core)
    cached = core.cache.get("acme", "e1")
    assert cached is not None and cached.armed.due_ms is not None
    fired = LogEntry(len(log.entries) + 1, cached.armed.due_ms + 5, "fired", TimerFired(), 100)
    log.entries.append(fired)  # Delivered to the other orchestrator: its timer is gone.
    believed: list[Armed] = []

    class Asked(NotedTimers):
        async def arm(self, tenant: str, key: str, *, due_ms: int, known: Armed) -> Armed:
            believed.append(known)
            return await super().arm(tenant, key, due_ms=due_ms, known=known)

    message, identity = produced(log, "left")
    await replace(core, timers=Asked(log.events)).on_input(delivery(log.store(message, id=identity)))
    assert believed[0] == NOTHING, "a timer that has fired was taken for one that is still stored"


async def test_a_refused_decision_is_decided_again_from_the_whole_log() -> None:
    log = RacingLog()
    core = advancer(log)
    await begun(log, core)
    for node in ("left", "right"):
        message, identity = produced(log, node)
        entry = log.store(message, id=identity)
    log.store(MessageReceived(turn_id="1", text="hi", author="ai"), id="stray")  # After what was delivered.
    await core.on_input(delivery(entry))
    assert "both" in requests(log)
    both = next(d for d in decisions(log) if isinstance(d, RequestCompletion) and d.node == "both")
    assert both.based_on.fence == log.entries.index(next(e for e in log.entries if e.message is both))


async def test_a_failure_drops_the_cached_state_which_may_lack_an_input() -> None:
    log = RacingLog()
    core = advancer(log)
    await begun(log, core)

    class Broken(RacingLog):
        async def append(self, *args: object, **kwargs: object) -> LogEntry:
            raise RuntimeError("the server is away")

    broken = replace(core, log=Broken(entries=log.entries))
    for node in ("left", "right"):
        message, identity = produced(log, node)
        entry = log.store(message, id=identity)
    with pytest.raises(RuntimeError):
        await broken.on_input(delivery(entry))
    assert core.cache.get("acme", "e1") is None


def test_folding_a_known_id_again_moves_only_the_end_of_the_prefix() -> None:
    message = MessageReceived(turn_id="1", text="hi")
    once = fold(Conversation("acme", "e1"), LogEntry(1, 10, "m1", message, 100))
    twice = fold(once, LogEntry(5, 20, "m1", message, 100))
    assert twice == replace(once, last_sequence=5)
