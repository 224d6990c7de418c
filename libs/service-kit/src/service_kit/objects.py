"""How is content written to and read from an object store, without ever waiting for what does not come?

The library writes. It reads through a subscription that waits for ever when the server restarts or the object is
replaced meanwhile, and looks objects up on any replica; so reading is done here, from the leader, a chunk at a time.
"""

import base64
import json

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext

from service_kit.errors import RetryLater


async def store_object(jetstream: JetStreamContext, bucket: str, name: str, content: bytes) -> None:
    """Write an object, replacing what was there. Raises RetryLater."""
    try:
        await (await jetstream.object_store(bucket)).put(name, content)
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise RetryLater(f"object store {bucket}: {type(error).__name__}") from error


async def load_object(jetstream: JetStreamContext, bucket: str, name: str, *, bytes_max: int) -> bytes | None:
    """An object's content; None when there is none, or it is larger than `bytes_max`. Raises RetryLater."""
    stream = f"OBJ_{bucket}"
    try:
        about = await jetstream.get_last_msg(stream, f"$O.{bucket}.M.{_encoded(name)}", direct=False)
        meta = json.loads(about.data or b"{}")
        if meta.get("deleted") or meta["size"] > bytes_max:
            return None
        content = await _chunks(jetstream, stream, f"$O.{bucket}.C.{meta['nuid']}", size=meta["size"])
    except nats.js.errors.NotFoundError:
        return None
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise RetryLater(f"object store {bucket}: {type(error).__name__}") from error
    return content


async def _chunks(jetstream: JetStreamContext, stream: str, subject: str, *, size: int) -> bytes:
    chunks: list[bytes] = []
    missing, at = size, 1
    while missing > 0:
        try:
            chunk = await jetstream.get_msg(stream, seq=at, subject=subject, next=True)
        except nats.js.errors.NotFoundError as error:
            raise RetryLater("an object was replaced while it was read") from error
        assert chunk.seq is not None, "a stored chunk without sequence"
        data = chunk.data or b""
        chunks.append(data)
        missing, at = missing - len(data), chunk.seq + 1
    return b"".join(chunks)


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()
