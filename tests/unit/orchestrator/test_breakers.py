"""What happens to an execution while a node's breaker is open, and when does one open?"""

from tests.support.flows import edge, flow, simple
from tests.support.simulated_log import SimulatedLog, kinds

from contracts.envelope import Decision
from orchestrator.domain.breaker import FAILURES_KEPT_MAX, BreakerRule, Breakers, Failure, Place, failed, open_nodes

PLACE = Place("acme", "flow", "answer", "timeout")
RULE = BreakerRule(failures_min=3, executions_min=2, window_ms=1_000, open_ms=500)
FALLBACK = flow(simple(fallback="plan_b"), simple("plan_b"), edges=[edge("answer", "FINISH")])


def after(*failures: tuple[int, str], rule: BreakerRule = RULE, place: Place = PLACE) -> tuple[Breakers, bool]:
    breakers, opened = Breakers(), False
    for number, (at_ms, key) in enumerate(failures):
        breakers, opened = failed(breakers, rule, place, Failure(at_ms, key, f"failure{number}"))
    return breakers, opened


def test_an_open_breaker_takes_the_fallback_and_the_decision_says_so() -> None:
    log = SimulatedLog(FALLBACK, breakers=frozenset({"flow/answer"}))

    made = log.say("hi")
    assert [command.node for _, command in log.open_commands()] == ["plan_b"]
    assert [decision.based_on.breakers for decision in made] == [("answer",)]


def test_a_node_that_fell_back_stays_fallen_back_when_its_breaker_closes() -> None:
    log = SimulatedLog(FALLBACK, breakers=frozenset({"flow/answer"}))
    log.say("hi")
    log.breakers = frozenset()

    assert kinds(log.produce({"reply": "plan b"})) == ["message.sent", "execution.finished"]


def test_an_open_breaker_without_a_fallback_hands_over() -> None:
    log = SimulatedLog(flow(simple()), breakers=frozenset({"flow/answer"}))

    made = log.say("hi")
    assert kinds(made) == ["handover.open", "execution.finished"]
    assert isinstance(made[0], Decision) and made[0].based_on.breakers == ("answer",)


def test_a_node_that_has_begun_goes_on_when_its_breaker_opens() -> None:
    log = SimulatedLog(FALLBACK)
    log.say("hi")
    log.breakers = frozenset({"flow/answer"})

    assert log.settle() == []
    assert kinds(log.produce({"reply": "done"})) == ["message.sent", "execution.finished"]


def test_the_breaker_of_another_workflow_changes_nothing() -> None:
    log = SimulatedLog(FALLBACK, breakers=frozenset({"other/answer"}))

    assert log.say("hi")[0].based_on.breakers == ()


def test_a_breaker_opens_at_enough_failures_in_enough_executions() -> None:
    breakers, opened = after((0, "c1"), (1, "c2"), (2, "c1"))

    assert opened
    assert open_nodes(breakers, 501) == {"flow/answer"}
    assert open_nodes(breakers, 502) == frozenset()


def test_too_few_failures_open_nothing() -> None:
    assert not after((0, "c1"), (1, "c2"))[1]


def test_failures_of_one_execution_open_nothing() -> None:
    assert not after((0, "c1"), (1, "c1"), (2, "c1"))[1]


def test_failures_of_long_ago_are_forgotten() -> None:
    assert not after((0, "c1"), (1_000, "c2"), (1_001, "c3"))[1]


def test_the_same_failure_told_twice_counts_once() -> None:
    breakers = Breakers()
    for at_ms in (0, 1, 2):
        breakers, opened = failed(breakers, RULE, PLACE, Failure(at_ms, f"c{at_ms}", "same"))
        assert not opened


def test_failures_that_speak_of_the_request_do_not_count() -> None:
    place = Place("acme", "flow", "answer", "invalid_request")

    assert not after((0, "c1"), (1, "c2"), (2, "c3"), place=place)[1]


def test_breakers_can_be_switched_off() -> None:
    assert not after((0, "c1"), rule=BreakerRule(failures_min=0, executions_min=0))[1]


def test_failures_while_a_breaker_is_open_do_not_count() -> None:
    breakers, _ = after((0, "c1"), (1, "c2"), (2, "c3"))

    assert failed(breakers, RULE, PLACE, Failure(3, "c4", "more")) == (breakers, False)


def test_what_is_kept_is_bounded() -> None:
    rule = BreakerRule(failures_min=2_000, executions_min=1)
    breakers, _ = after(*((number, "c") for number in range(FAILURES_KEPT_MAX + 5)), rule=rule)

    assert len(breakers.failures[PLACE]) == FAILURES_KEPT_MAX


def test_a_breaker_that_closed_is_forgotten_when_the_next_one_opens() -> None:
    breakers, _ = after((0, "c1"), (1, "c2"), (2, "c3"))
    other = Place("acme", "flow", "other", "timeout")
    for number in range(3):
        breakers, _ = failed(breakers, RULE, other, Failure(600 + number, f"c{number}", f"f{number}"))

    assert set(breakers.open_until) == {other}
