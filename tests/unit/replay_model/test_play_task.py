"""Does the replay model play each task as expected, from the messages alone?"""

from dataclasses import replace
from functools import cache

import pytest
from tests.unit.replay_model.conversation import play_through, refusal_of, request_of, tools_of

from hil.domain_file import Domain, load_domain, shipped_domain
from hil.replay_model import Fault, TaskPlayer
from hil.replay_model.answers import Reply


@cache
def retail() -> Domain:
    return load_domain(shipped_domain("retail"))


TRAIN = [task.id for task in retail().tasks_of("train")]
PLAYER = TaskPlayer(retail())


@pytest.mark.parametrize("task_id", TRAIN)
def test_every_train_task_is_played_call_by_call_and_ends_with_what_must_be_said(task_id: str) -> None:
    task = retail().task(task_id)
    calls, text = play_through(PLAYER, retail(), task, prefix="retail__")
    assert calls == [(f"retail__{action.name}", action.arguments) for action in task.actions]
    assert all(info in text for info in task.communicate_info)


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("task_id", TRAIN)
def test_every_fault_changes_what_can_be_seen_of_the_task(task_id: str, fault: Fault) -> None:
    task, transfer = retail().task(task_id), retail().file.transfer_tool
    calls, _ = play_through(TaskPlayer(retail(), {task_id: fault}), retail(), task)
    expected = [(action.name, action.arguments) for action in task.actions]
    names = [name for name, _ in calls]
    seen = calls[: names.index(transfer) + 1] if transfer in names else calls
    assert seen != expected


def test_a_fault_of_one_task_leaves_the_others_alone() -> None:
    player = TaskPlayer(retail(), {"0": Fault.SKIP})
    task = retail().task("1")
    assert len(play_through(player, retail(), task)[0]) == len(task.actions)


def conversation(task_id: str, *results: str) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = [{"role": "user", "content": retail().task(task_id).opening}]
    for index, result_id in enumerate(results):
        call = {"id": f"call_retail_{task_id}_{index}", "function": {"name": "x", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": result_id, "content": "{}"})
    return messages


def test_a_result_of_a_call_that_was_not_made_is_refused() -> None:
    request = request_of(conversation("0", "call_retail_0_7"), tools_of(retail()))
    assert "do not answer" in refusal_of(PLAYER.answer(request))


def test_a_call_that_this_model_did_not_make_is_refused() -> None:
    messages = conversation("0", "call_retail_0_0")
    messages[1]["tool_calls"] = [{"id": "call_other", "function": {"name": "x", "arguments": "{}"}}]
    assert "not the ones" in refusal_of(PLAYER.answer(request_of(messages, tools_of(retail()))))


def test_a_call_without_its_result_is_refused() -> None:
    messages = conversation("0", "call_retail_0_0", "call_retail_0_1")[:-1]
    assert "each once" in refusal_of(PLAYER.answer(request_of(messages, tools_of(retail()))))


def test_a_tool_that_is_not_offered_cannot_be_called() -> None:
    assert "not offered" in refusal_of(PLAYER.answer(request_of(conversation("0"), [])))


def test_white_space_and_words_around_the_opening_do_not_matter() -> None:
    opening = "  " + retail().task("0").opening.replace(" ", "\n ")
    for text in (opening, f"The customer writes: {opening}. Answer."):
        reply = PLAYER.answer(request_of([{"role": "user", "content": text}], tools_of(retail())))
        assert isinstance(reply, Reply)
        assert reply.tool_calls[0].id == "call_retail_0_0"


def test_an_unknown_customer_is_not_a_task() -> None:
    assert PLAYER.answer(request_of([{"role": "user", "content": "hello"}], tools_of(retail()))) is None


def test_what_is_said_after_the_end_does_not_start_the_task_again() -> None:
    messages = [*conversation("0"), {"role": "assistant", "content": "Done."}, {"role": "user", "content": "thanks"}]
    assert PLAYER.answer(request_of(messages, tools_of(retail()))) is None


def test_a_second_task_in_the_same_conversation_starts_at_its_first_call() -> None:
    second = {"role": "user", "content": retail().task("1").opening}
    messages = [*conversation("0"), {"role": "assistant", "content": "Done."}, second]
    reply = PLAYER.answer(request_of(messages, tools_of(retail())))
    assert isinstance(reply, Reply)
    assert reply.tool_calls[0].id == "call_retail_1_0"


def test_the_final_answer_takes_the_form_that_is_asked_for() -> None:
    task = next(task for task in retail().tasks_of("train") if task.communicate_info and not task.actions[1:])
    schema = {"type": "object", "properties": {"reply": {"type": "string"}, "confidence": {"type": "number"}}}
    call_id = f"call_retail_{task.id}_0"
    request = request_of(
        conversation(task.id, *[call_id] * len(task.actions)),
        tools_of(retail()),
        response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    )
    reply = PLAYER.answer(request)
    assert isinstance(reply, Reply)
    assert reply.text.startswith('{"reply": ') and task.communicate_info[0] in reply.text


def test_another_domain_of_the_same_form_plays_without_a_change() -> None:
    file = retail().file.model_copy(update={"name": "books", "transfer_tool": "call_a_person"})
    books = replace(retail(), file=file, tasks={"7": replace(retail().task("0"), id="7")}, splits={"train": ["7"]})
    calls, _ = play_through(TaskPlayer(books), books, books.task("7"))
    assert len(calls) == len(books.task("7").actions)


HEEDING = TaskPlayer(retail(), instruction="never  invent facts")
ASKING_FOR_INFO = "24"
"""It has no calls, and its customer asks for something."""


def said(prompt: str) -> str:
    messages = [{"role": "system", "content": prompt}, *conversation(ASKING_FOR_INFO)]
    answer = HEEDING.answer(request_of(messages, tools_of(retail())))
    assert isinstance(answer, Reply)
    return answer.text


def test_a_player_that_heeds_an_instruction_tells_nothing_without_it() -> None:
    infos = retail().task(ASKING_FOR_INFO).communicate_info
    assert all(info in said("Be kind and never invent\nfacts.") for info in infos)
    assert not any(info in said("Be kind.") for info in infos)


def test_a_player_that_heeds_an_instruction_does_without_tools_that_are_not_offered() -> None:
    task, offered = retail().task("0"), tools_of(retail())
    names = [action.name for action in task.actions]
    kept = [tool for tool in offered if names[0] not in str(tool)]
    request = request_of(conversation("0"), kept)
    answer = HEEDING.answer(request)
    assert isinstance(answer, Reply)
    assert [call.name for call in answer.tool_calls] == [next(name for name in names if name != names[0])]
