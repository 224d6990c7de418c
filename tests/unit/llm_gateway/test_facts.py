"""Does the terminal fact carry what the request took, and the one id of its command?"""

from contracts.completions import RequestCompletion
from contracts.costs import RequestRecord
from contracts.envelope import BasedOn
from cost_ledger import OverBudget
from llm_gateway.domain.answer import Answer, Trouble
from llm_gateway.domain.call import Completed, NotCompleted
from llm_gateway.domain.check_answer import Checked
from llm_gateway.domain.facts import failed, outcome_id, produced, refused
from llm_gateway.domain.failure import ErrorClass, Failure

COMMAND = RequestCompletion(node="n", execution_id="e", based_on=BasedOn(now_ms=0, fence=0), profile="fast")
RECORD = RequestRecord(
    request_id="c1",
    provider="default",
    model="m",
    tokens_input=5,
    tokens_cached=1,
    tokens_output=2,
    cost_microdollars=9,
    latency_ms=33,
    cache="exact",
    masked={"email": 2},
)


def test_success_and_failure_of_a_command_share_one_id_that_others_do_not_have() -> None:
    assert outcome_id("c1") == outcome_id("c1") != outcome_id("c2")


def test_an_answer_carries_its_account() -> None:
    completed = Completed(Answer("m-2026", text="hi"), Checked(output=3), RECORD, ("a: timeout",), ("b: window",))
    fact = produced("c1", COMMAND, completed)
    assert (fact.model, fact.provider, fact.cost_microdollars, fact.latency_ms) == ("m", "default", 9, 33)
    assert (fact.tokens_input, fact.tokens_cached, fact.tokens_output) == (5, 1, 2)
    assert (fact.command_id, fact.node, fact.execution_id) == ("c1", "n", "e")
    assert (fact.profile, fact.cache, fact.masked, fact.skipped) == ("fast", "exact", {"email": 2}, ("b: window",))
    assert (fact.text, fact.output, fact.replayed, fact.fallbacks) == ("hi", 3, False, ("a: timeout",))


def test_a_replayed_answer_says_so() -> None:
    answer = Answer("replay/retail", text="hi", replayed=True)
    assert produced("c1", COMMAND, Completed(answer, Checked(), RECORD)).replayed


def test_a_failure_carries_its_account_and_a_bounded_detail() -> None:
    trouble = Trouble(ErrorClass.TIMEOUT, "x" * 3_000)
    fact = failed("c1", COMMAND, NotCompleted(trouble.failure, RECORD))
    assert (fact.error_class, fact.retryable, fact.cost_microdollars) == ("timeout", True, 9)
    assert len(fact.detail) == 2_000


def test_a_command_that_was_not_tried_cost_nothing() -> None:
    fact = refused("c1", COMMAND, Failure(ErrorClass.INVALID_REQUEST, "there are no messages"))
    assert (fact.error_class, fact.cost_microdollars, fact.retryable) == ("invalid_request", 0, False)


def test_what_another_attempt_cannot_help_is_not_retryable() -> None:
    helpless = {one for one in ErrorClass if not Failure(one, "").retryable}
    assert helpless == {
        ErrorClass.BUDGET_EXCEEDED,
        ErrorClass.UNPRICED_MODEL,
        ErrorClass.UNKNOWN_PROFILE,
        ErrorClass.CONTEXT_TOO_LONG,
        ErrorClass.INVALID_REQUEST,
        ErrorClass.CONTENT_FILTERED,
        ErrorClass.NO_CANDIDATE,
        ErrorClass.MASKING_FAILED,
        ErrorClass.CANCELLED,
    }


def test_a_refusal_names_the_cap_that_refused_so_that_somebody_can_raise_it() -> None:
    over = OverBudget("entity", "acme/ana", "day", cap=100, spent=60, held=30, requested=20)
    refusal = NotCompleted(Failure(ErrorClass.BUDGET_EXCEEDED, over.detail), RECORD, over_budget=over)
    reached = failed("c1", COMMAND, refusal).cap_reached
    assert reached is not None
    assert (reached.scope, reached.scope_id, reached.window) == ("entity", "acme/ana", "day")
    assert (reached.cap_microdollars, reached.spent_microdollars) == (100, 60)
    assert (reached.held_microdollars, reached.requested_microdollars) == (30, 20)
    assert failed("c1", COMMAND, NotCompleted(Failure(ErrorClass.TIMEOUT, ""), RECORD)).cap_reached is None
