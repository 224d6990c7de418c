"""Which version of a thing did the sender of a command see?"""

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import Header

EPOCH = re.compile(r'^(?:W/)?"?e([0-9]{1,15})"?$')
IfMatch = Annotated[
    str | None,
    Header(max_length=200, description="The `etag` of what was looked at; another than the current one gets 409."),
]


class PreconditionMissing(Exception):
    """428: a command does not say what its sender saw."""


class PreconditionUnreadable(Exception):
    """422: the entity tag is not one of ours."""


def etag_of_epoch(epoch: object) -> str:
    """Of a handover or a conversation: it changes with the speaker."""
    return f'"e{epoch}"'


def etag_of_approval(body: Mapping[str, object]) -> str:
    """Of an approval: what is asked, under which policy."""
    return f'"a{str(body.get("arguments_hash") or "-")[:16]}.{str(body.get("policy_version") or "-")[:8]}"'


def epoch_seen(if_match: str | None) -> int:
    """The epoch that the sender saw. Raises PreconditionMissing or PreconditionUnreadable."""
    if if_match is None:
        raise PreconditionMissing
    found = EPOCH.match(if_match.strip())
    if found is None:
        raise PreconditionUnreadable(f'If-Match {if_match[:80]!r} is not an etag such as "e3"')
    return int(found[1])
