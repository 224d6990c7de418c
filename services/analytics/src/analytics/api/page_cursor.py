"""How does the next page of a list know of which period it is, where that ends now unless somebody says otherwise?"""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query

from analytics.api.figures import From, To, period
from document_store import InvalidQuery

CURSOR_CHARACTERS_MAX = 8_192
NOT_OURS = "cursor: take next_cursor of the page before, with the same question"
PageCursor = Annotated[
    str | None, Query(max_length=CURSOR_CHARACTERS_MAX, description="`next_cursor` of the page before.")
]
_FORM = re.compile(r"([0-9]{1,15})\.([0-9]{1,15})\.([A-Za-z0-9_-]+)\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """A period, and how far it was read: the store's own cursor, which knows its collection and conditions."""

    from_ms: int
    to_ms: int
    inner: str | None = None

    def cursor(self, inner: str | None) -> str | None:
        """For the next page; None if there is none."""
        return None if inner is None else f"{self.from_ms}.{self.to_ms}.{inner}"


def place_of(from_: From, to: To, cursor: str | None, *, now_ms: int) -> Place:
    """Where to begin. With a cursor its period holds. Raises InvalidQuery."""
    if cursor is not None:
        found = _FORM.match(cursor)
        if found is None:
            raise InvalidQuery(NOT_OURS)
        return Place(int(found[1]), int(found[2]), found[3])
    from_ms, to_ms = period(from_, to, now_ms=now_ms)
    if from_ms >= to_ms:
        raise InvalidQuery(f"from: {from_ms} ms is not before to ({to_ms} ms)")
    return Place(from_ms, to_ms)
