"""How is a subject built and read: hil.<cmd|evt>.<noun>.<word>.v<major>.<tenant>.<key>?"""

import re
from dataclasses import dataclass

from contracts.envelope import Message, Route

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
VERSION = re.compile(r"v([0-9]{1,4})\Z")


class SubjectError(ValueError):
    """A subject, tenant or key outside the grammar; the text names the token and the rule."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A read subject. `type` is the part that names the message type, as in CloudEvents `type`."""

    kind: str
    name: str
    major: int
    tenant: str
    key: str

    @property
    def type(self) -> str:
        return f"hil.{self.kind}.{self.name}.v{self.major}"


def check_token(token: str, *, what: str) -> str:
    """`token` itself, if it may stand in a subject: 1 to 128 letters, digits, `_` or `-`."""
    if not TOKEN.match(token):
        raise SubjectError(f"{what} {token[:140]!r} is not 1 to 128 letters, digits, '_' or '-'")
    return token


def subject_of(route: Route, tenant: str, key: str) -> str:
    """The subject on which a message of this type is published for a key."""
    return f"{route.type}.{check_token(tenant, what='tenant')}.{check_token(key, what='key')}"


def subject_for(message: Message, tenant: str, key: str) -> str:
    """Same, for a message in hand."""
    return subject_of(message.route, tenant, key)


def parse_subject(subject: str) -> Subject:
    """Read a subject of the log stream; raises SubjectError for anything else."""
    tokens = subject.split(".")
    if len(tokens) != 7 or tokens[0] != "hil" or tokens[1] not in ("cmd", "evt"):
        raise SubjectError(f"subject {subject[:200]!r} is not hil.<cmd|evt>.<noun>.<word>.v<major>.<tenant>.<key>")
    version = VERSION.match(tokens[4])
    if version is None:
        raise SubjectError(f"subject {subject[:200]!r}: {tokens[4]!r} is not a version such as v1")
    return Subject(tokens[1], f"{tokens[2]}.{tokens[3]}", int(version[1]), tokens[5], tokens[6])


def fence_of(tenant: str, key: str) -> str:
    """The filter that covers every message of a key's log, and none of its timers."""
    return f"hil.*.*.*.*.{tenant}.{key}"


def every_version_of(route: Route) -> str:
    """Consumer filter for a type, in any major version, tenant and key: unknown versions become dead letters
    instead of waiting unseen."""
    return f"hil.{route.kind}.{route.name}.*.*.*"


EVERYTHING = "hil.>"
"""Consumer filter for every message of a stream."""


def type_without_version(subject: str) -> str:
    """`hil.evt.message.sent` of `hil.evt.message.sent.v1.acme.c42`."""
    return ".".join(subject.split(".", 4)[:4])


def timer_subject(timer_id: str, tenant: str, key: str) -> str:
    """Where a timer of a key is stored; outside the fence."""
    return f"hil.timer.{timer_id}.{tenant}.{key}"


def dead_letter_subject(service: str, original: str) -> str:
    """Where a message that a service gave up on is kept."""
    return f"hil.dlq.{service}.{original}"


LIVE_FILTER = "hil.live.>"
"""All that holds for seconds only: typing, viewing, presence. No stream keeps it."""


def live_subject(kind: str, tenant: str, key: str) -> str:
    """Where it is told that somebody types in or looks at a conversation (`kind` typing or viewing)."""
    return f"hil.live.{kind}.{check_token(tenant, what='tenant')}.{check_token(key, what='conversation')}"


def presence_subject(tenant: str) -> str:
    """Where it is told who comes and goes; their ids need not be words of a subject. `*` stands for every tenant."""
    return f"hil.live.presence.{tenant if tenant == '*' else check_token(tenant, what='tenant')}"
