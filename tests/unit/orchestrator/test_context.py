"""What does a prompt hold of the conversation, and when is its older part summarised?"""

from tests.support.flows import flow, simple
from tests.support.simulated_log import SimulatedLog, kinds

from contracts.completions import RequestCompletion
from orchestrator.domain.limits import tokens_of

LONG = "x" * 4_000


def talk(turns: int, *, said: str = LONG) -> SimulatedLog:
    """A conversation with a budget of 2,000 tokens and some answered turns of 1,000 tokens each."""
    log = SimulatedLog(flow(simple(), limits={"context_tokens": 2_000}))
    for number in range(1, turns + 1):
        log.say(f"{number} {said}", str(number))
        log.produce({"reply": f"answer {number}"})
    return log


def prompt(log: SimulatedLog) -> list[str]:
    return [message.content[:20].strip(" x") for message in log.open_commands()[-1][1].messages]


def requests(log: SimulatedLog, purpose: str) -> list[RequestCompletion]:
    return [e.message for e in log.entries if isinstance(e.message, RequestCompletion) and e.message.purpose == purpose]


def test_what_fits_is_quoted_word_for_word() -> None:
    log = talk(1)
    log.say("and?", "2")

    assert prompt(log) == ["Answer.", "1", "answer 1", "and?"]
    assert not requests(log, "summary")


def test_what_does_not_fit_is_summarised_before_the_first_node() -> None:
    log = talk(2)
    log.say("and?", "3")

    assert [command.purpose for _, command in log.open_commands()] == ["summary"]
    asked = requests(log, "summary")[0]
    assert (asked.profile, asked.node, asked.summarises_until) == ("fast", "~summary", log.state.turns["2"].sequence)
    assert asked.messages[1].content.startswith("customer: 1 xxx")
    assert kinds(log.produce("They greeted.")) == ["completion.request"]
    assert log.open_commands()[0][1].messages[1].content == "Summary of the conversation so far: They greeted."
    assert prompt(log)[2:] == ["answer 2", "and?"]


def test_a_summary_is_made_once_and_kept() -> None:
    log = talk(2)
    log.say("and?", "3")
    log.produce("They greeted.")
    log.produce({"reply": "short"})
    log.say("more", "4")

    assert len(requests(log, "summary")) == 1
    assert "Summary of the conversation so far: They greeted." in [
        m.content for m in log.open_commands()[0][1].messages
    ]


def test_the_next_summary_goes_on_from_the_one_before() -> None:
    log = talk(2)
    log.say("and?", "3")
    log.produce("They greeted.")
    log.produce({"reply": LONG})
    log.say(LONG, "4")
    log.produce({"reply": LONG})
    log.say("more", "5")

    assert requests(log, "summary")[-1].messages[1].content.startswith("Earlier: They greeted.\n")


def test_a_summary_that_fails_does_not_block_the_answer() -> None:
    log = talk(2)
    log.say("and?", "3")

    assert log.fail() == []
    assert kinds(log.wait()) == ["completion.request"]
    assert kinds(log.fail()) == ["completion.request"]
    assert (prompt(log)[0], prompt(log)[-1]) == ("Answer.", "and?")
    assert "1" not in prompt(log)
    assert kinds(log.produce({"reply": "fine"})) == ["message.sent", "execution.finished"]


def test_a_summary_that_is_refused_is_not_asked_for_again() -> None:
    log = talk(2)
    log.say("and?", "3")

    assert [m.node for m in log.fail("invalid_request", retryable=False) if isinstance(m, RequestCompletion)] == [
        "answer"
    ]


def test_a_summary_that_never_comes_does_not_block_the_answer() -> None:
    log = talk(2)
    log.say("and?", "3")
    log.wait()
    log.wait()

    assert [m.node for m in log.wait() if isinstance(m, RequestCompletion)] == ["answer"]


def test_the_summary_is_in_the_cost_of_the_execution() -> None:
    log = talk(2)
    log.say("and?", "3")
    log.produce("They greeted.", cost_microdollars=3)
    done = log.produce({"reply": "x"}, cost_microdollars=4)[-1]

    assert done.model_dump()["cost_microdollars"] == 7
    assert [node["node"] for node in done.model_dump()["nodes"]] == ["answer"]


def test_a_prompt_without_instructions_has_no_system_message() -> None:
    log = SimulatedLog(flow(simple(prompt="{{ conversation.metadata.tone }}")))
    log.say("hi")

    assert [m.role for m in log.open_commands()[0][1].messages] == ["user"]


def test_a_text_is_estimated_at_four_characters_a_token() -> None:
    assert tokens_of("") == 4
    assert tokens_of("x" * 400) == 104
