"""Where does one HTTP/1.1 message end and the next begin? As little of it as a load generator and a mock need."""

from dataclasses import dataclass, field

_LENGTH = b"content-length:"
_CHUNKED = b"transfer-encoding: chunked"


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """`head` is the first line and the headers as they came, without the empty line."""

    head: bytes
    body: bytes

    @property
    def target(self) -> bytes:
        """Path of a request."""
        return self.head.split(b" ", 2)[1]

    @property
    def status(self) -> int:
        """Status of a response."""
        return int(self.head[9:12])


@dataclass(slots=True)
class HttpMessages:
    """Takes bytes as they come; gives whole messages with a Content-Length, or with chunks, whose frames are kept."""

    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[HttpMessage]:
        """The messages that are complete now."""
        self._buffer += data
        found: list[HttpMessage] = []
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            stop = self._end_of_body(head, end + 4)
            if stop is None or len(self._buffer) < stop:
                break
            found.append(HttpMessage(head, bytes(self._buffer[end + 4 : stop])))
            del self._buffer[:stop]
        return found

    def _end_of_body(self, head: bytes, start: int) -> int | None:
        small = head.lower()
        at = small.find(_LENGTH)
        if at >= 0:
            line_end = small.find(b"\r\n", at)
            return start + int(small[at + len(_LENGTH) : line_end if line_end >= 0 else len(small)])
        if _CHUNKED in small:
            last = self._buffer.find(b"0\r\n\r\n", start)
            return None if last < 0 else last + 5
        return start


def request(method: bytes, path: bytes, body: bytes, *, headers: bytes = b"") -> bytes:
    """A request for the wire; `headers` are whole lines with their ends."""
    return b"%b %b HTTP/1.1\r\nhost: bench\r\n%bcontent-length: %d\r\n\r\n%b" % (
        method,
        path,
        headers,
        len(body),
        body,
    )


def response(body: bytes, *, status: bytes = b"200 OK") -> bytes:
    """A JSON response for the wire."""
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)
