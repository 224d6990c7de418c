"""Where does the next page of an answer begin, and does the cursor belong to this question?"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass

from pydantic import BaseModel

from document_store import InvalidQuery

CURSOR_CHARACTERS_MAX = 100
NOT_OURS = "cursor: take next_cursor of the page before, with the same question"
_FORM = re.compile(r"([0-9]{1,15})\.([0-9]{1,15})\.([0-9]{1,6})\.([0-9a-f]{16})\Z")


@dataclass(frozen=True, slots=True)
class AnswerPlace:
    """The period of an answer, and how many of its rows were given out. The answer is made anew for each page: figures
    that are counted meanwhile are in it."""

    from_ms: int
    to_ms: int
    skip: int = 0

    def cursor(self, mark: str) -> str:
        """For the page that begins here."""
        return f"{self.from_ms}.{self.to_ms}.{self.skip}.{mark}"


def mark_of(asked: BaseModel, tenants: Collection[str] | None) -> str:
    """By which a question is known again, whatever its limit: of this caller's tenants."""
    told = asked.model_dump_json(exclude={"limit", "cursor"})
    seen = "*" if tenants is None else ",".join(sorted(tenants))
    return hashlib.sha256(f"{told}|{seen}".encode()).hexdigest()[:16]


def place_in(cursor: str, mark: str) -> AnswerPlace:
    """Where a cursor leads. Raises InvalidQuery if it is none of this question."""
    found = _FORM.match(cursor)
    if found is None or found[4] != mark:
        raise InvalidQuery(NOT_OURS)
    return AnswerPlace(int(found[1]), int(found[2]), int(found[3]))
