"""Does the gateway answer, and in OpenAI's shape, whatever bytes come over the wire?"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.test_http import ask, http_gateway
from tests.support.odd_requests import broken_texts, odd_chats, odd_embeddings, odd_headers

from hil.replay_model import Rule

ANSWERED_WITHIN_SECONDS = 20
OK = Rule(text="ok", times=None)
AS_ALL = {"authorization": "Bearer all"}
CHAT = json.dumps(ask()).encode()


@asynccontextmanager
async def wire(start: StartBench, folder: Path) -> AsyncIterator[int]:
    """The port of a gateway."""
    async with http_gateway(start, folder, OK) as (_, url):
        yield int(url.rsplit(":", 1)[1])


async def said(port: int, sent: bytes, *, until: bytes = b"") -> bytes:
    """All that the gateway says to these bytes, until it says this or closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
            return await (reader.readuntil(until) if until else reader.read())
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def hung_up_after(port: int, sent: bytes) -> None:
    """Say this, and go."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


LAST = "connection: close"


def request(*headers: str, body: bytes = b"", line: str = "POST /v1/chat/completions HTTP/1.1") -> bytes:
    head = [line, "host: gateway", "authorization: Bearer all", *headers]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def chat(*headers: str, body: bytes = CHAT) -> bytes:
    return request(f"content-length: {len(body)}", *headers, body=body)


def statuses(answer: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


async def test_a_connection_lives_on_after_a_refusal(start_bench: StartBench, tmp_path: Path) -> None:
    async with wire(start_bench, tmp_path) as port:
        refusals = [chat(body=b"{"), request(line="GET /v1/models/nobody HTTP/1.1"), chat("x-hil-timeout-ms: x")]
        assert statuses(await said(port, b"".join([*refusals, chat(LAST)]))) == [400, 404, 400, 200]


@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        ("GET /v1/chat/completions HTTP/1.1", 405, b"allow: POST"),
        ("DELETE /v1/models HTTP/1.1", 405, b"allow: GET"),
        ("GET /v1/completions HTTP/1.1", 404, b"/v1/chat/completions"),
        ("POST /chat/completions HTTP/1.1", 404, b"let the base URL end in /v1"),
        ("GET /v1/../admin/budgets HTTP/1.1", 404, b"is unknown"),
        ("GET /v1/%2e%2e/admin/budgets HTTP/1.1", 404, b"is unknown"),
    ],
)
async def test_a_path_or_method_that_is_none_is_told_what_is(
    start_bench: StartBench, tmp_path: Path, line: str, *, status: int, told: bytes
) -> None:
    async with wire(start_bench, tmp_path) as port:
        answer = await said(port, request("content-length: 0", LAST, line=line))
    assert statuses(answer) == [status]
    assert told in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]


async def test_a_body_over_the_limit_is_refused_whether_its_length_is_said_or_not(
    start_bench: StartBench, tmp_path: Path
) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    chunked = request("transfer-encoding: chunked", body=chunk * 9 + b"0\r\n\r\n")
    async with wire(start_bench, tmp_path) as port:
        for sent in (request("content-length: 9000000"), chunked):
            answer = await said(port, sent, until=b"}}")
            assert statuses(answer)[:1] == [413], answer
            assert b"over the limit of 8388608 bytes" in answer


@pytest.mark.parametrize(("characters", "status"), [(10_000_000, 413), (7_000_000, 400)])
async def test_a_text_of_megabytes_is_refused_and_the_next_call_is_answered(
    start_bench: StartBench, tmp_path: Path, characters: int, *, status: int
) -> None:
    async with wire(start_bench, tmp_path) as port, aiohttp.ClientSession(headers=AS_ALL) as http:
        for text, wanted in (("x" * characters, status), ("hello", 200), ("x" * characters, status)):
            body = BytesIO(json.dumps(ask(text)).encode())
            async with http.post(f"http://127.0.0.1:{port}/v1/chat/completions", data=body) as answer:
                said_so = await answer.text()
                assert answer.status == wanted, said_so
                assert ("characters are over the limit of 1000000" in said_so) == (wanted == 400)


async def test_bodies_in_chunks_and_requests_in_a_row_are_answered_in_order(
    start_bench: StartBench, tmp_path: Path
) -> None:
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (CHAT[:5], CHAT[5:])) + b"0\r\n\r\n"
    chunked = request("transfer-encoding: chunked", body=pieces)
    models = request(line="GET /v1/models HTTP/1.1")
    async with wire(start_bench, tmp_path) as port:
        assert statuses(await said(port, models + chunked + models + chat(LAST))) == [200] * 4


ATTACKS = {
    "two ways to say how long": request(
        LAST, "content-length: 5", "transfer-encoding: chunked", body=b"0\r\n\r\nGET /x"
    ),
    "two lengths": request(LAST, "content-length: 2", f"content-length: {len(CHAT)}", body=CHAT),
    "a length that is none": request(LAST, "content-length: -1"),
    "a length with a sign": request(LAST, f"content-length: +{len(CHAT)}", body=CHAT),
    "a chunk without end": request(LAST, "transfer-encoding: chunked", body=b"fffffffffffffffffff\r\n"),
    "a chunk that is none": request(LAST, "transfer-encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"),
    "an unknown encoding": request(LAST, "transfer-encoding: gzip, x", body=CHAT),
    "a control character in a header": chat(LAST, "x-hil-entity: a\x00b"),
    "a line in a header": chat(LAST, "x-hil-entity: a\rx-evil: b"),
    "a space before the colon": chat(LAST, "x-hil-entity : a"),
    "a folded header": chat(LAST, "x-hil-entity: a\r\n b"),
    "a header that is too long": chat(LAST, "x-hil-entity: " + "a" * 200_000),
    "very many headers": chat(LAST, *(f"x-{number}: {'v' * 100}" for number in range(5_000))),
    "an entity of letters that are none": chat(LAST, "x-hil-entity: \xe9\xff"),
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    "a websocket": request(LAST, "upgrade: websocket", "connection: upgrade", "sec-websocket-version: 13"),
    "an HTTP that is none": request(LAST, line="POST /v1/chat/completions HTTP/9.9"),
    "a path over all limits": request(LAST, line=f"GET /v1/{'x' * 100_000} HTTP/1.1"),
}


HARMLESS: dict[str, list[int]] = {}


async def test_no_attack_hangs_breaks_or_reaches_the_model(start_bench: StartBench, tmp_path: Path) -> None:
    async with http_gateway(start_bench, tmp_path, OK) as (bench, url):
        port = int(url.rsplit(":", 1)[1])
        seen = {name: statuses(await said(port, sent)) for name, sent in ATTACKS.items()}
        assert {name: found for name, found in seen.items() if found not in ([], [400])} == HARMLESS
        assert not bench.model.received
        assert statuses(await said(port, chat(LAST))) == [200]


@pytest.mark.parametrize("length", ["content-length: 10000", "transfer-encoding: chunked"])
async def test_a_body_that_is_given_up_leaves_nothing_behind(
    start_bench: StartBench, tmp_path: Path, length: str
) -> None:
    async with http_gateway(start_bench, tmp_path, OK) as (bench, url):
        port = int(url.rsplit(":", 1)[1])
        for sent in (request(length, body=b"5\r\n{"), request(length)[:40], b""):
            await hung_up_after(port, sent)
        assert statuses(await said(port, chat(LAST))) == [200]
        assert len(bench.model.received) == 1


async def test_more_calls_at_once_than_there_is_room_for_are_told_to_come_back(
    start_bench: StartBench, tmp_path: Path
) -> None:
    slow = Rule(text="ok", times=None, delay_seconds=1)
    async with (
        http_gateway(start_bench, tmp_path, slow, http_concurrency=40) as (_, url),
        aiohttp.ClientSession(headers=AS_ALL, connector=aiohttp.TCPConnector(limit=0)) as http,
    ):

        async def call() -> tuple[int, str]:
            async with http.post(f"{url}/v1/chat/completions", json=ask()) as answer:
                body = await answer.json()
                return answer.status, body["error"]["code"] if answer.status != 200 else ""

        answers = await asyncio.gather(*(call() for _ in range(600)))
        assert {answer for answer in answers if answer[0] != 200} == {(503, "overloaded")}
        assert 40 <= sum(status == 200 for status, _ in answers) < 600
        assert (await call())[0] == 200


async def test_an_administrator_of_one_tenant_reaches_no_other(start_bench: StartBench, tmp_path: Path) -> None:
    others = {"x-hil-tenant": "other", "x-tenant": "other", "x-forwarded-user": "admin"}
    async with http_gateway(start_bench, tmp_path, OK) as (_, url), aiohttp.ClientSession() as http:

        async def put(key: str, tenant: str, caps: Any, **headers: str) -> tuple[int, Any]:
            asked = {"authorization": f"Bearer {key}", "content-type": "application/json", **headers}
            path = f"{url}/admin/budgets/{tenant}/entity/u1"
            async with http.put(path, data=caps, headers=asked) as answer:
                return answer.status, (await answer.json()).get("error")

        good = json.dumps({"caps": {"day": 5}})
        assert (await put("all", "other", good, **others))[0] == 403
        assert (await put("models-only", "acme", good))[0] == 403
        assert (await put("nobody", "acme", good))[0] == 401
        assert (await put("all", "acme", good))[0] == 200
        for caps in ("NaN", "1e999", str(10**15 + 1), str(10**30), "-1", '"5"', "true", "[]", '"\\ud800"', "{}"):
            status, error = await put("all", "acme", f'{{"caps": {{"day": {caps}}}}}')
            assert status == 422 and error["message"].startswith("body.caps.day: "), (caps, status, error)
        for body, wanted in (("[" * 60_000, 400), ("x" * 70_000, 413), ('{"caps": {}}', 422), ("", 422)):
            status, error = await put("all", "acme", body)
            assert (status, bool(error["message"])) == (wanted, True), (body[:20], status)


async def test_odd_requests_are_answered_in_the_shape_that_clients_know(
    start_bench: StartBench, tmp_path: Path
) -> None:
    bodies = st.one_of(odd_chats(), odd_embeddings()).map(lambda body: json.dumps(body).encode())
    paths = st.sampled_from(["/v1/chat/completions", "/v1/embeddings"])
    unhealthy = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)

    async with wire(start_bench, tmp_path) as port:

        @settings(max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=unhealthy)
        @given(paths, bodies | broken_texts(), odd_headers())
        def play(path: str, body: bytes, headers: dict[bytes, bytes]) -> None:
            connection = HTTPConnection("127.0.0.1", port, timeout=ANSWERED_WITHIN_SECONDS)
            try:
                _send(connection, path, body, headers)
                answer = connection.getresponse()
                _check(answer.status, answer.getheader("content-type"), answer.read())
            finally:
                connection.close()

        await asyncio.to_thread(play)


def _send(connection: HTTPConnection, path: str, body: bytes, headers: dict[bytes, bytes]) -> None:
    connection.putrequest("POST", path)
    connection.putheader("authorization", "Bearer all")
    connection.putheader("content-length", str(len(body)))
    for name, value in headers.items():
        if value.isascii() and value.isalnum():  # What the client itself does not refuse to send.
            connection.putheader(name.decode(), value)
    connection.endheaders()
    with suppress(ConnectionError):  # Refused by its length already.
        connection.send(body)


def _check(status: int, content_type: str | None, content: bytes) -> None:
    """The model says `ok` to whatever schema, which is no fault of the gateway."""
    assert status in (200, 400, 404, 413) or b'"invalid_output"' in content, (status, content[:300])
    if status != 200:
        assert content_type == "application/json"
        error = json.loads(content)["error"]
        assert error["message"] and error["type"], content[:300]
