"""How are pipes to a box read and written without keeping the event loop waiting, and without end?"""

import asyncio
import os
from contextlib import suppress

_PIECE_BYTES = 64 * 1024


class PipeReader:
    """Reads a pipe to its end in the background, up to a limit; `flooded` tells that there was more."""

    def __init__(self, descriptor: int, bytes_max: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor, self.bytes_max = descriptor, bytes_max
        self._pieces, self._left = list[bytes](), bytes_max
        self.first = asyncio.Event()
        self.flooded = asyncio.Event()
        self.ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def limit(self, bytes_max: int) -> None:
        """Another limit, before anything but a few bytes has come."""
        self._left += bytes_max - self.bytes_max
        self.bytes_max = bytes_max

    @property
    def content(self) -> bytes:
        """What has come, within the limit."""
        return b"".join(self._pieces)[: self.bytes_max]

    def close(self) -> None:
        """Read no more."""
        if not self.ended.is_set():
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self.ended.set()
            self.first.set()

    def _read(self) -> None:
        try:
            piece = os.read(self._descriptor, _PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self.close()
            return
        self.first.set()
        if self._left > 0:
            self._pieces.append(piece)
        self._left -= len(piece)
        if self._left < 0:
            self.flooded.set()


async def write_all(descriptor: int, content: bytes) -> None:
    """Write and close. Returns early when nobody reads any more."""
    os.set_blocking(descriptor, False)
    view = memoryview(content)
    try:
        with suppress(BrokenPipeError):
            while view:
                try:
                    view = view[os.write(descriptor, view) :]
                except BlockingIOError:
                    await _writable(descriptor)
    finally:
        os.close(descriptor)


async def _writable(descriptor: int) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)


def in_memory(content: bytes) -> int:
    """A descriptor of a file that is nowhere, at its beginning."""
    descriptor = os.memfd_create("hil")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
