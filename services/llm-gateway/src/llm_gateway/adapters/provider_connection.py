"""What goes over one connection to a provider: a request, then its answer (HTTP/1.1, parsed by httptools)?"""

import asyncio
from typing import cast

import httptools

HEAD_BYTES_MAX = 64 * 1024
"""Of what is no body, in one go: headers, what stands between two pieces of a body, trailers."""
REFUSED_BYTES_MAX = 64 * 1024
"""A longer request that is refused may not have been read to its end."""
CHUNK_BYTES_MAX = 256 * 1024
"""Of a streamed answer that nobody takes yet; then the provider is not read any further."""


class Broken(Exception):
    """The connection ended, or what came is no answer: the provider may have worked on the request."""


class Connection(asyncio.Protocol):
    """One exchange at a time. It is `reusable` when its last answer came to its end and the server keeps it open."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.reusable = False
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._room = 0
        self._head_bytes = self._sent_bytes = 0
        self._waiting: asyncio.Future[None] | None = None
        self._headed = self._ended = self._gone = self._paused = False
        self._error: Broken | None = None

    @property
    def is_open(self) -> bool:
        """Whether another request may be sent on it."""
        closing = self._gone or self._transport is None or self._transport.is_closing()
        return self.reusable and not closing

    def send(self, head: bytes, body: bytes) -> None:
        """Begin an exchange; `head` is the request line and all headers but the length of the body."""
        assert self._transport is not None
        self.status, self.headers, self.reusable = 0, {}, False
        self._parser = httptools.HttpResponseParser(self)
        self._body.clear()
        self._head_bytes, self._sent_bytes, self._room = 0, len(body), CHUNK_BYTES_MAX
        self._headed = self._ended = False
        self._transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))

    async def answered(self) -> None:
        """Wait for status and headers. Raises Broken."""
        while not self._headed:
            await self._more()

    async def read(self, bytes_max: int) -> bytes | None:
        """The whole body, or None when it is longer. Raises Broken."""
        self._make_room(bytes_max)
        while not self._ended and len(self._body) <= bytes_max:
            await self._more()
        return None if len(self._body) > bytes_max else bytes(self._body)

    async def line(self, bytes_max: int) -> bytes:
        """The next line with its end; at the end of the body what is left, which may be nothing. Raises Broken, for a
        line that is longer too."""
        searched = 0
        while (end := self._body.find(b"\n", searched)) < 0 and not self._ended:
            searched = len(self._body)
            if searched > bytes_max:
                raise Broken(f"a line of more than {bytes_max} bytes")
            self._make_room(searched + CHUNK_BYTES_MAX)
            await self._more()
        taken = bytes(self._body[: end + 1 if end >= 0 else len(self._body)])
        del self._body[: len(taken)]
        return taken

    def close(self) -> None:
        """At once, whatever is on its way: the provider sees that nobody waits any more."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class.

    def data_received(self, data: bytes) -> None:
        body_bytes = len(self._body)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"no HTTP: {type(error).__name__}")
        self._head_bytes = 0 if len(self._body) > body_bytes else self._head_bytes + len(data)
        if not self._ended and self._head_bytes > HEAD_BYTES_MAX:
            self._fail(f"headers of more than {HEAD_BYTES_MAX} bytes")
        if len(self._body) > self._room and not self._ended:
            self._pause()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._gone = True
        if self._headed and not self._ended and error is None and self._is_until_close():
            self._ended = True
        elif not self._ended:
            self._error = self._error or Broken(f"closed {'within' if self._headed else 'before'} the answer")
        self._wake()

    # The parser's side

    def on_message_begin(self) -> None:
        if self._ended:
            raise Broken("more than was asked for")  # The parser stops there; what came before is whole.

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._headed = self.status >= 200

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if not self._headed:  # 1xx: the answer itself is still to come.
            self.headers = {}
        else:
            self._ended = True
            self.reusable = self._parser.should_keep_alive() and not self._is_early()

    async def _more(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting
        if self._error is not None:
            raise self._error

    def _pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            self._paused = True

    def _make_room(self, bytes_max: int) -> None:
        self._room = bytes_max
        if self._paused and len(self._body) <= bytes_max and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _fail(self, how: str) -> None:
        if not self._ended:  # An answer that is whole stays one, whatever comes after it.
            self._error = self._error or Broken(how)
        self.close()

    def _is_early(self) -> bool:
        """A server that answers before it has read the whole request may take the rest of it for the next one, and its
        answer to that would be another caller's. What TLS and the kernel hold back cannot be seen from here."""
        unsent = self._transport is None or self._transport.get_write_buffer_size() > 0
        return unsent or (self.status >= 400 and self._sent_bytes > REFUSED_BYTES_MAX)

    def _is_until_close(self) -> bool:
        """An answer without a length ends where the server closes."""
        return "content-length" not in self.headers and "transfer-encoding" not in self.headers
