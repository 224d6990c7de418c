"""What goes over the wire to a subscriber of the feed?"""

from collections.abc import Mapping

import orjson
from pydantic import JsonValue

from hil_inbox.domain.read_model import Body, Place


def change_frame(seq: int, about: Mapping[str, JsonValue], changed: Mapping[Place, Body]) -> bytes:
    """One message of the log: what it is `about`, and the documents that it changed, each whole. Applying one twice,
    or an older one (`as_of_seq`), changes nothing."""
    body: dict[str, object] = {"seq": seq, **about, "rows": [], "conversation": None, "lines": [], "suggestions": []}
    for (collection, id_), document in changed.items():
        shown = {"id": id_, **document}
        if collection == "conversations":
            body["conversation"] = shown
        elif collection in LISTS:
            body.setdefault(LISTS[collection], [])
            listed = body[LISTS[collection]]
            assert isinstance(listed, list)
            listed.append(shown)
    return b"id: %d\nevent: change\ndata: %b\n\n" % (seq, orjson.dumps(body))


LISTS = {"queue": "rows", "transcript": "lines", "suggestions": "suggestions"}


def told(event: str, body: Mapping[str, JsonValue]) -> bytes:
    """An event that is no place in the log, and so has no id: clients that reconnect name the last that has one."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), orjson.dumps(body))


def reset(reason: str, seq: int) -> bytes:
    """The client must fetch a snapshot anew; nothing follows."""
    return told("reset", {"reason": reason, "seq": seq})


def heartbeat(seq: int, now_ms: int) -> bytes:
    """All through `seq` was sent: a client may go on from there."""
    return told("heartbeat", {"seq": seq, "now_ms": now_ms})
