"""Does the AI go on with what people did, and with nothing of what they already dealt with?"""

from tests.support.flows import flow, simple
from tests.support.simulated_log import KEY, TENANT, SimulatedLog, kinds

from contracts.completions import PromptMessage
from contracts.executions import ExecutionFinished
from orchestrator.domain.fold_inputs import RETURNS_MAX
from orchestrator.domain.replay import replay
from orchestrator.domain.return_packet import CHARACTERS_MAX, HEADING

PLAIN = flow(simple(prompt="Help."), hil={"customer_request_phrases": ["human"]})
LEFT = {
    "outcome": "The refund was made by hand.",
    "facts": {"order": "W7"},
    "promises": ["Ana calls tomorrow."],
    "not_again": ["Do not refund W7."],
}


def returned() -> SimulatedLog:
    """A conversation in which a person spoke with the customer and gave it back."""
    log = SimulatedLog(PLAIN)
    log.say("I want a human")
    log.say("are you there?", "2")
    log.claim()
    log.human_says("I am Ana")
    log.say("thanks, refund W7", "3")
    log.return_with(**LEFT)
    return log


def prompt(log: SimulatedLog) -> tuple[PromptMessage, ...]:
    found: tuple[PromptMessage, ...] = log.open_commands()[0][1].messages
    return found


def test_what_people_left_for_the_ai_stands_in_a_block_of_the_house() -> None:
    log = returned()
    log.say("and now?", "4")

    [block] = [m for m in prompt(log) if m.content.startswith(HEADING)]
    assert block.role == "system"
    for said in ("Do not refund W7.", "Ana calls tomorrow.", "The refund was made by hand.", '{"order": "W7"}'):
        assert said in block.content


def test_the_prompt_holds_what_people_and_the_customer_said_meanwhile() -> None:
    log = returned()
    log.say("and now?", "4")

    assert [(m.role, m.content) for m in prompt(log) if m.role != "system"] == [
        ("user", "I want a human"),
        ("user", "are you there?"),
        ("assistant", "I am Ana"),
        ("user", "thanks, refund W7"),
        ("user", "and now?"),
    ]


def test_nothing_that_the_customer_wrote_to_people_is_worked_on_again() -> None:
    log = returned()
    assert log.state.execution is None
    assert log.wait(1_000) == []

    assert kinds(log.say("and now?", "4")) == ["completion.request"]
    log.produce({"reply": "hello"})
    ends = [e.message.turn_id for e in log.entries if isinstance(e.message, ExecutionFinished)]
    assert ends == ["1", "4"]


def test_without_a_word_from_people_prompts_stay_as_they_are() -> None:
    log = SimulatedLog(PLAIN)
    log.say("I want a human")
    log.claim()
    log.return_with()
    log.say("and now?", "2")

    assert [m.content for m in prompt(log) if m.role == "system"] == ["Help."]


def test_what_was_left_earlier_still_holds_up_to_a_bound() -> None:
    log = SimulatedLog(PLAIN)
    log.say("I want a human")
    for number in range(RETURNS_MAX + 1):
        log.claim()
        log.return_with(not_again=[f"rule {number}"], outcome="x" * 2_000, promises=["y" * 1_000 + str(number)] * 20)
    log.say("and now?", "2")

    [block] = [m.content for m in prompt(log) if m.content.startswith(HEADING)]
    assert all(f"- rule {number}\n" in block for number in range(1, RETURNS_MAX + 1))
    assert "rule 0" not in block and len(block) <= CHARACTERS_MAX


def test_a_turn_after_a_return_is_decided_again_on_replay() -> None:
    log = returned()
    log.say("and now?", "4")

    assert replay(TENANT, KEY, log.entries, {log.flow.content_hash: log.flow}).differences == ()
