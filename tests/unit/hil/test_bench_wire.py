"""Does the little HTTP of the load generator and the mock find where messages end?"""

import json

import pytest

from hil.bench.http_load import chat_body
from hil.bench.http_wire import HttpMessages, request, response

TWO = request(b"POST", b"/v1/chat/completions", b'{"a": 1}', headers=b"x-one: 1\r\n") + request(b"GET", b"/counts", b"")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"


@pytest.mark.parametrize("cut", range(1, len(TWO)))
def test_messages_are_found_wherever_the_bytes_are_cut(cut: int) -> None:
    messages = HttpMessages()
    found = messages.feed(TWO[:cut]) + messages.feed(TWO[cut:])
    assert [(one.target, one.body) for one in found] == [(b"/v1/chat/completions", b'{"a": 1}'), (b"/counts", b"")]


def test_an_answer_has_its_status_and_a_chunked_one_its_end() -> None:
    found = HttpMessages().feed(response(b"{}", status=b"503 Service Unavailable") + CHUNKED)
    assert [(one.status, one.body) for one in found] == [(503, b"{}"), (200, b"4\r\nabcd\r\n0\r\n\r\n")]


def test_every_prompt_of_the_load_is_another_one_of_about_a_kilobyte() -> None:
    prompts = {json.loads(chat_body(number, model="m"))["messages"][1]["content"] for number in range(500)}
    assert len(prompts) == 500
    assert all(900 <= len(prompt) <= 1_100 for prompt in prompts)
