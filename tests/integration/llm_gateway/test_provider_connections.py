"""Does a request reach a provider once, and is what comes back told from what does not?"""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.wait_until import wait_until

from llm_gateway.adapters.provider_connection import CHUNK_BYTES_MAX, HEAD_BYTES_MAX, Broken
from llm_gateway.adapters.provider_connections import Address, Connections, NotReached, address_of

pytestmark = pytest.mark.asyncio
OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"content-length: 2\r\n\r\nok"
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Server:
    """A server on a real socket that says byte for byte what a test wants said."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    def address(self, scheme: str = "http") -> Address:
        return address_of(f"{scheme}://127.0.0.1:{self.port}/v1/chat?x=1", {"authorization": "Bearer k"})


@asynccontextmanager
async def serving(answer: Answering, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.opened += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                server.requests.append(head + await reader.readexactly(length))
                await answer(reader, writer)
                if writer.is_closing():
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            server.closed += 1
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def saying(*parts: bytes, close: object = None) -> Answering:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if close:
            writer.close()

    return answer


async def asked(server: Server, connections: Connections, body: bytes = b"{}") -> tuple[int, bytes | None]:
    async with connections.post(server.address(), body) as answer:
        return answer.status, await answer.read(1_000)


async def test_a_request_arrives_as_it_was_sent_and_connections_are_used_again() -> None:
    connections = Connections()
    async with serving(saying(OK + b"Content-Length: 5\r\n\r\nhello")) as server:
        for _ in range(3):
            assert await asked(server, connections, b'{"a":1}') == (200, b"hello")
        assert server.opened == 1
    first = server.requests[0]
    assert first.startswith(b"POST /v1/chat?x=1 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n" % server.port)
    assert b"authorization: Bearer k\r\n" in first
    assert first.endswith(b'content-length: 7\r\n\r\n{"a":1}')
    await connections.aclose()
    await wait_until(lambda: server.closed == 1)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((OK + b"content-length: 5\r\n", b"\r\nhe", b"llo"), b"hello"),
        ((OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhel", b"lo\r\n1\r\n!\r\n0\r\n\r\n"), b"hello!"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", OK + b"content-length: 2\r\n\r\nok"), b"ok"),
        ((b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",), b""),
    ],
)
async def test_an_answer_is_whole_however_it_is_cut_into_pieces(parts: tuple[bytes, ...], expected: bytes) -> None:
    connections = Connections()
    async with serving(saying(*parts)) as server:
        assert (await asked(server, connections))[1] == expected
        assert (await asked(server, connections))[1] == expected
        assert server.opened == 1


async def test_an_answer_without_a_length_ends_where_the_server_closes() -> None:
    async with serving(saying(OK + b"\r\nhel", b"lo", close=True)) as server:
        connections = Connections()
        assert await asked(server, connections) == (200, b"hello")
        assert await asked(server, connections) == (200, b"hello")
        assert server.opened == 2


@pytest.mark.parametrize(
    "parts",
    [
        (b"",),
        (OK,),
        (OK + b"content-length: 10\r\n\r\nhalf",),
        (OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",),
        (b"SSH-2.0-OpenSSH_9.2\r\n",),
        (OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nx",),
        (OK + b"x: " + b"y" * (HEAD_BYTES_MAX + 1),),
    ],
    ids=["nothing", "head cut", "body cut", "chunks cut", "not http", "two lengths", "endless head"],
)
async def test_what_is_no_whole_answer_may_have_been_worked_on(parts: tuple[bytes, ...]) -> None:
    async with serving(saying(*parts, close=True)) as server:
        with pytest.raises(Broken):
            await asked(server, Connections())
        assert len(server.requests) == 1


async def test_bytes_after_an_answer_belong_to_nobody() -> None:
    """Neither the answer nor the next one may hold them."""
    connections = Connections()
    answer = OK + b"content-length: 2\r\n\r\nok"
    async with serving(saying(answer + OK + b"content-length: 4\r\n\r\nevil")) as server:
        assert await asked(server, connections) == (200, b"ok")
        assert await asked(server, connections) == (200, b"ok")
        assert server.opened == 2


async def test_an_answer_that_is_too_long_is_not_kept() -> None:
    async with serving(saying(OK + b"content-length: 3000\r\n\r\n" + b"x" * 2_000)) as server:
        assert await asked(server, Connections()) == (200, None)
        await wait_until(lambda: server.closed == 1)


async def test_nobody_there_is_told_from_a_broken_connection() -> None:
    async with serving(saying(OK)) as server:
        pass
    with pytest.raises(NotReached, match="ECONNREFUSED"):
        await asked(server, Connections())
    with pytest.raises(NotReached, match="gaierror"):
        async with Connections().post(address_of("http://nobody.invalid/", {}), b""):
            pass


async def test_a_caller_who_goes_away_is_seen_by_the_provider() -> None:
    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(hang) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asked(server, Connections())
        await wait_until(lambda: server.closed == 1)


async def test_lines_come_as_they_are_said_and_a_stream_that_is_left_is_closed() -> None:
    said = asyncio.Event()

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n8\r\none\ntwo\n\r\n2\r\nth\r\n")
        await said.wait()
        writer.write(b"4\r\nree\n\r\n")
        await reader.read()

    async with serving(stream) as server:
        async with Connections().post(server.address(), b"") as answer:
            assert [await answer.line(100), await answer.line(100)] == [b"one\n", b"two\n"]
            said.set()
            assert await answer.line(100) == b"three\n"
        await wait_until(lambda: server.closed == 1)


async def test_the_end_of_a_stream_is_an_empty_line_and_a_cut_is_an_error() -> None:
    whole = saying(OK + b"transfer-encoding: chunked\r\n\r\n4\r\none\n\r\n4\r\nrest\r\n0\r\n\r\n")
    async with serving(whole) as server, Connections().post(server.address(), b"") as answer:
        assert [await answer.line(100) for _ in range(3)] == [b"one\n", b"rest", b""]
    cut = saying(OK + b"transfer-encoding: chunked\r\n\r\n4\r\none\n\r\n", close=True)
    async with serving(cut) as server, Connections().post(server.address(), b"") as answer:
        assert await answer.line(100) == b"one\n"
        with pytest.raises(Broken):
            await answer.line(100)


async def test_a_line_has_a_limit() -> None:
    body = b"x" * (2 * CHUNK_BYTES_MAX)
    head = OK + b"content-length: %d\r\n\r\n" % len(body)
    async with serving(saying(head + body)) as server, Connections().post(server.address(), b"") as answer:
        with pytest.raises(Broken, match="a line of more than 1000 bytes"):
            await answer.line(1_000)


async def test_a_provider_that_says_more_than_is_taken_has_to_wait() -> None:
    """Else one slow reader of a stream would fill the memory."""
    written, waiting = 0, False

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written, waiting
        writer.write(OK + b"connection: close\r\n\r\n")
        for _ in range(2_000):
            writer.write(b"x" * 65_535 + b"\n")
            drained = asyncio.ensure_future(writer.drain())
            waiting = not (await asyncio.wait([drained], timeout=0.5))[0]
            await drained
            written += 65_536
        writer.close()

    async with serving(flood) as server, Connections().post(server.address(), b"") as answer:
        await wait_until(lambda: waiting)
        assert written < 64 * 1024 * 1024
        lines = 0
        while await answer.line(100_000):
            lines += 1
    assert lines == 2_000


async def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    connections = Connections()
    closing = saying(OK + b"content-length: 2\r\n\r\nok", close=True)  # It did not say that it would.
    async with serving(closing) as server:
        for count in range(1, 4):
            async with connections.post(server.address(), b"") as answer:
                assert await answer.read(10) == b"ok"
            await wait_until(lambda answer=answer: not answer.is_open)  # type: ignore[misc]
            assert server.opened == count


async def test_a_connection_that_is_just_closing_is_not_used_again() -> None:
    """What is written on it goes nowhere, and would be paid for."""
    connections = Connections()
    async with serving(saying(WHOLE)) as server:
        async with connections.post(server.address(), b"") as answer:
            assert await answer.read(10) == b"ok"
        answer.eof_received()
        assert answer._transport is not None
        answer._transport.close()  # As the loop does where the server has closed; it says so one turn later.
        assert await asked(server, connections) == (200, b"ok")
        assert (server.opened, len(server.requests)) == (2, 2)


@pytest.mark.parametrize("size", [100_000, 16_000_000])
async def test_an_answer_that_comes_before_the_request_was_read_ends_the_connection(size: int) -> None:
    """The server would take the rest of the request for the next one, and answer another caller with it."""
    connections, refused = Connections(), asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await refused.wait()
        writer.write(OK + b"content-length: 6\r\n\r\nothers")
        writer.close()

    listening = await asyncio.start_server(refuse, "127.0.0.1", 0)
    server = Server(listening.sockets[0].getsockname()[1])
    async with listening:
        assert await asked(server, connections, b"x" * size) == (413, b"")
        assert not any(connections._idle.values())
        refused.set()


async def test_what_follows_the_last_chunk_has_a_limit() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n")
        for number in range(10_000):
            writer.write(b"x-%d: %s\r\n" % (number, b"y" * 1_000))
            await writer.drain()
        writer.close()

    async with serving(endless) as server:
        with pytest.raises(Broken, match=f"headers of more than {HEAD_BYTES_MAX} bytes"):
            await asked(server, Connections())


async def test_small_chunks_are_no_headers_however_many_they_are() -> None:
    many = saying(OK + b"transfer-encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n" * 1_000] * 30, b"0\r\n\r\n")
    async with serving(many) as server, Connections().post(server.address(), b"") as answer:
        assert await answer.read(100_000) == b"x" * 30_000


async def test_a_server_that_speaks_another_protocol_from_now_on_is_broken() -> None:
    switch = saying(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n")
    async with serving(switch) as server:
        with pytest.raises(Broken, match="no HTTP: HttpParserUpgrade"):
            await asked(server, Connections())


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = made_certificate(tmp_path)
    tls.load_cert_chain(certificate)
    async with serving(saying(OK + b"content-length: 2\r\n\r\nok"), tls=tls) as server:
        with pytest.raises(NotReached, match="SSLCertVerificationError"):
            async with Connections().post(server.address("https"), b""):
                pass
        trusting = ssl.create_default_context(cafile=str(certificate))
        async with Connections(trusting).post(server.address("https"), b"") as answer:
            assert await answer.read(10) == b"ok"


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("api.openai.com/v1", {}),
        ("ftp://host/v1", {}),
        ("http:///v1", {}),
        ("http://user:word@host/v1", {}),
        ("http://host/v1\r\nx: y", {}),
        ("http://höst/v1", {}),
        ("http://a..b/v1", {}),
        (f"http://{'a' * 64}.example/v1", {}),
        ("http://host/v1", {"authorization": "Bearer a\r\nx: y"}),
        ("http://host/v1", {"authorization": "Bearer a\n"}),
    ],
)
async def test_what_cannot_be_an_address_is_refused(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a provider's"):
        address_of(url, headers)


async def test_the_key_is_not_shown_with_an_address() -> None:
    assert "secret" not in repr(address_of("http://[::1]:80/v1", {"authorization": "Bearer secret"}))


def made_certificate(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)

    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
