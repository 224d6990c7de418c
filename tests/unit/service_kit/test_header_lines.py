"""Our reading of headers is the client library's own, only faster."""

from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from service_kit.header_lines import parse_header_lines

LINES = st.lists(st.one_of(st.binary(max_size=40), st.from_regex(rb"[A-Za-z -]{1,20}: ?[ -~]{0,30}", fullmatch=True)))


@given(LINES.map(b"\r\n".join))
@example(b"ce-id: a:b\r\nName:\tvalue\r\n two words: x\r\n: no name\r\n\xc3\xa9: x\r\nn: \xff\r\na\x1cb: x\r\n\r\n")
@example(b"a\x1c: x\r\n\x85: y\r\n")
def test_headers_are_read_as_the_client_library_reads_them(raw: bytes) -> None:
    assert parse_header_lines(raw) == Client._parse_header_lines(raw)
