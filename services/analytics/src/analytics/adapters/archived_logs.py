"""Which closed logs lie in the archive, what of them is in no stream any more, and how is archiving held up?"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from nats.errors import Error as NatsError
from pydantic import BaseModel

from contracts.envelope import LogEntry
from contracts.streams import ARCHIVE_BUCKET, ARCHIVER, LOG
from service_kit.archive import Archive
from service_kit.connection import Connection
from service_kit.errors import RetryLater
from service_kit.log import Log

ASK_SECONDS = 10.0
NOT_FOUND = 10014
OBJECTS = f"OBJ_{ARCHIVE_BUCKET}"
ABOUT = f"$O.{ARCHIVE_BUCKET}.M."


@dataclass(frozen=True, slots=True)
class ArchivedLogs:
    """The archive as the orchestrator writes it. Every call may raise RetryLater."""

    connection: Connection

    async def hold_archiving(self, *, until_ms: int) -> bool:
        """No further log is archived until then, or until `release_archiving`; what the orchestrator has in hand it
        ends. False where nobody archives."""
        until = datetime.fromtimestamp(until_ms / 1_000, UTC).isoformat().replace("+00:00", "Z")
        answer = await self._ask(f"CONSUMER.PAUSE.{LOG.name}.{ARCHIVER.name}", {"pause_until": until})
        return answer.paused

    async def release_archiving(self) -> None:
        """Logs are archived again."""
        await self._ask(f"CONSUMER.PAUSE.{LOG.name}.{ARCHIVER.name}", {})

    async def state(self) -> int:
        """Another number after each write to the archive."""
        answer = await self._ask(f"STREAM.INFO.{OBJECTS}", {})
        return answer.state.last_seq

    async def names(self) -> list[str]:
        """`<tenant>.<key>` of each archived log, in order; some 100 bytes of memory for each."""
        found: set[str] = set()
        total = 1
        while len(found) < total:
            asked = {"subjects_filter": f"{ABOUT}>", "offset": len(found)}
            answer = await self._ask(f"STREAM.INFO.{OBJECTS}", asked)
            total = answer.total if answer.state.subjects else 0
            found |= answer.state.subjects.keys()
        return sorted(base64.urlsafe_b64decode(subject.removeprefix(ABOUT)).decode() for subject in found)

    async def only_archived(self, name: str) -> list[LogEntry]:
        """What was archived of a key and is not in the log any more, in its order."""
        tenant, _, key = name.partition(".")
        live = {entry.sequence for entry in await Log(self.connection).read(tenant, key)}
        return [entry for entry in await Archive(self.connection).load(tenant, key) if entry.sequence not in live]

    async def _ask(self, what: str, question: dict[str, object]) -> "_Answer":
        """Empty where the server does not know what is asked about."""
        try:
            msg = await self.connection.request(f"$JS.API.{what}", orjson.dumps(question), timeout_seconds=ASK_SECONDS)
        except NatsError as error:
            raise RetryLater(f"{what}: {type(error).__name__}") from error
        if msg is None:
            raise RetryLater(f"{what}: no answer within {ASK_SECONDS:g} s")
        answer = _Answer.model_validate_json(msg.data)
        if answer.error is not None and answer.error.err_code != NOT_FOUND:
            raise RetryLater(f"{what}: {answer.error.description} ({answer.error.err_code})")
        return answer


class _State(BaseModel):
    last_seq: int = 0
    subjects: dict[str, int] = {}


class _Problem(BaseModel):
    err_code: int = 0
    description: str = ""


class _Answer(BaseModel):
    """What is needed of what the server answers."""

    paused: bool = False
    total: int = 0
    state: _State = _State()
    error: _Problem | None = None
