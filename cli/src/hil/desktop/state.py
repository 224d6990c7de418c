"""What does a desktop know, and how does one change of the feed change it?"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]


@dataclass(slots=True)
class DesktopState:
    """Documents by what they are and their id; of each the newest (`as_of_seq`) that was told."""

    rows: dict[str, Json] = field(default_factory=dict)
    conversations: dict[str, Json] = field(default_factory=dict)
    lines: dict[str, Json] = field(default_factory=dict)
    suggestions: dict[str, Json] = field(default_factory=dict)

    def apply(self, change: Json) -> None:
        """One `change` of the feed."""
        for row in change["rows"]:
            _newest(self.rows, row["id"], row)
        if change["conversation"] is not None:
            _newest(self.conversations, change["key"], change["conversation"])
        for line in change["lines"]:
            _newest(self.lines, f"{change['key']}/{line['id']}", line)
        for suggestion in change["suggestions"]:
            _newest(self.suggestions, suggestion["id"], suggestion)


def _newest(known: dict[str, Json], id_: str, document: Json) -> None:
    if id_ not in known or known[id_]["as_of_seq"] <= document["as_of_seq"]:
        known[id_] = document


def differences(expected: Mapping[str, Json], found: Mapping[str, Json]) -> list[str]:
    """What is missing, too much or different, by id."""
    missing = [f"{id_}: missing" for id_ in expected if id_ not in found]
    extra = [f"{id_}: not there any more, or never was" for id_ in found if id_ not in expected]
    other = [f"{id_}: differs" for id_, body in expected.items() if id_ in found and _hash(body) != _hash(found[id_])]
    return [*missing, *extra, *other]


def _hash(body: Json) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
