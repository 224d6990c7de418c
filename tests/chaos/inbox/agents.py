"""What do human agents do while their inbox is killed: claim, write notes, reply, decide, resolve, go away?"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType

import aiohttp

from tests.chaos.inbox.verdict import Answers

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.3
REQUEST_SECONDS = 20.0
UNANSWERED = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one request."""

    status: int
    body: Mapping[str, object]


@dataclass(slots=True)
class Desks:
    """All agents' way to the inbox: any of its replicas, again with the same key until one answers. Every command goes
    out twice at once now and then, as from an impatient person."""

    session: aiohttp.ClientSession
    urls: Sequence[str]
    token: str
    random: Random
    asked_again: int = 0
    cut: int = 0
    """Requests that an inbox had taken when it was killed."""

    async def get(self, actor: str, path: str) -> Answer:
        """One answer, whoever gives it."""
        return await self._until_answered("GET", self.urls, actor, path)

    async def get_from(self, url: str, actor: str, path: str) -> Answer:
        """The answer of one of them."""
        return await self._until_answered("GET", (url,), actor, path)

    async def post(self, actor: str, path: str, *, key: str, etag: str | None, body: Mapping[str, object]) -> Answer:
        """The answer to a command; if it went out twice, the same for both, else one that says so under status 0."""
        headers = {"Idempotency-Key": key} | ({} if etag is None else {"If-Match": etag})
        copies = 2 if self.random.random() < 0.3 else 1
        asking = (
            self._until_answered("POST", self.urls, actor, path, headers=headers, body=body) for _ in range(copies)
        )
        answers = await asyncio.gather(*asking)
        statuses = sorted({answer.status for answer in answers})
        return answers[0] if len(statuses) == 1 else Answer(0, {"error": f"answered with {statuses}"})

    async def _until_answered(
        self,
        method: str,
        urls: Sequence[str],
        actor: str,
        path: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        body: Mapping[str, object] | None = None,
    ) -> Answer:
        whose = {"Authorization": f"Bearer {self.token}", "Hil-Actor": actor, **headers}
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            url = self.random.choice(urls) + path
            try:
                async with self.session.request(method, url, json=body, headers=whose) as response:
                    if response.status not in UNANSWERED:
                        told = await response.json() if response.content_type == "application/json" else {}
                        return Answer(response.status, told)
            except aiohttp.ClientConnectorError:
                pass
            except (aiohttp.ClientError, TimeoutError):
                self.cut += 1
            assert asyncio.get_running_loop().time() < deadline, f"{method} {path}: no answer in {PATIENCE_SECONDS} s"
            self.asked_again += 1
            await asyncio.sleep(PAUSE_SECONDS)


@dataclass(slots=True)
class Crew:
    """Two agents for each conversation, who do not talk to each other. `told` by key of the conversation."""

    desks: Desks
    told: dict[str, Answers] = field(default_factory=dict)

    async def serve(self, key: str, handover_id: str) -> None:
        """Both want it; who gets it writes a note and two replies, and resolves."""
        found = await asyncio.gather(*(self._claim(key, handover_id, actor) for actor in pair(key)))
        winners = [actor for actor in found if actor is not None]
        if len(winners) == 1:
            return await self._work(key, handover_id, winners[0])
        self.of(key).odd.append(f"{winners} were told that they won the claim")

    async def take(self, key: str, handover_id: str, actor: str) -> None:
        """Say that they are there, take it, and say so once more."""
        await self.is_there(actor)
        if await self._claim(key, handover_id, actor) is None:
            self.of(key).odd.append(f"{actor} did not get what nobody else wanted")
        await self.is_there(actor)

    async def decide(self, key: str, approval_id: str) -> None:
        """Both decide, each in another way; one of them counts."""
        verdicts = zip(pair(key), ("approve", "reject"), strict=True)
        answers = await asyncio.gather(*(self._decide(approval_id, *one) for one in verdicts))
        for answer in answers:
            if answer.status == 200:
                verdict = (approval_id, str(answer.body["verdict"]), str(answer.body["actor_id"]))
                self.of(key).verdicts.append(verdict)
        if sorted(answer.status for answer in answers) != [200, 409]:
            self.of(key).odd.append(f"two verdicts were answered {answers}")

    async def is_there(self, actor: str) -> None:
        """A sign of life."""
        await self.desks.post(actor, "/v1/me/heartbeat", key="sign-of-life", etag=None, body={})

    async def look(self, path: str) -> Mapping[str, object]:
        """One document as any replica shows it."""
        return (await self.desks.get("agent-0", path)).body

    async def _claim(self, key: str, handover_id: str, actor: str) -> str | None:
        """The actor, if the claim won. Who saw an owner that is not there any more looks again."""
        path, deadline = f"/v1/handovers/{handover_id}", asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            etag = await self._etag(actor, path)
            command = f"{actor}-claim-{key}-{etag.strip(chr(34))}"
            answer = await self.desks.post(actor, f"{path}/claim", key=command, etag=etag, body={})
            if answer.status == 200:
                self.of(key).claims.append((actor, int(str(answer.body["ownership_epoch"]))))
                return actor
            is_free = answer.body.get("error") == "stale_epoch" and answer.body.get("owner_id") is None
            if answer.status != 409 or not is_free or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        if answer.status != 409 or answer.body.get("owner_id") not in pair(key):
            self.of(key).odd.append(f"{actor} lost a claim, and was not told who won: {answer}")
        return None

    async def _work(self, key: str, handover_id: str, actor: str) -> None:
        told, path = self.of(key), f"/v1/handovers/{handover_id}"
        etag = f'"e{told.claims[-1][1]}"'
        notes = f"/v1/conversations/acme/{key}/notes"
        note = await self._done(key, 200, actor, notes, command=f"note-{key}", etag=None, body={"text": f"note {key}"})
        told.notes.append(str(note.get("note_id")))
        for number in (1, 2):
            reply = f"reply-{number}-{key}"
            text = {"text": f"{number}: {key}"}
            if await self._done(key, 202, actor, f"{path}/reply", command=reply, etag=etag, body=text):
                told.replies.append(reply)
        end = {"resolution": "done"}
        ended = await self._done(key, 200, actor, f"{path}/resolve", command=f"end-{key}", etag=etag, body=end)
        told.resolved.append(int(str(ended.get("ownership_epoch", -1))))

    async def _done(
        self,
        key: str,
        status: int,
        actor: str,
        path: str,
        *,
        command: str,
        etag: str | None,
        body: Mapping[str, object],
    ) -> Mapping[str, object]:
        """What was answered; nothing, and a finding, if it was not done."""
        answer = await self.desks.post(actor, path, key=command, etag=etag, body=body)
        if answer.status == status:
            return answer.body
        self.of(key).odd.append(f"{command} was refused to the owner: {answer}")
        return {}

    async def _decide(self, approval_id: str, actor: str, verdict: str) -> Answer:
        path = f"/v1/approvals/{approval_id}"
        etag = await self._etag(actor, path)
        body = {"verdict": verdict, "reason": "not today", "reason_code": "other"}
        return await self.desks.post(actor, f"{path}/decide", key=f"{actor}-{approval_id}", etag=etag, body=body)

    async def _etag(self, actor: str, path: str) -> str:
        """As soon as the inbox shows it."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while (answer := await self.desks.get(actor, path)).status == 404:
            assert asyncio.get_running_loop().time() < deadline, f"{path} is never shown"
            await asyncio.sleep(PAUSE_SECONDS)
        assert answer.status == 200, f"{path}: {answer}"
        return str(answer.body["etag"])

    def of(self, key: str) -> Answers:
        """What was told about one conversation."""
        return self.told.setdefault(key, Answers())


def pair(key: str) -> tuple[str, str]:
    """Who wants this conversation."""
    number = Random(key).randrange(10)
    return f"agent-{number}", f"agent-{number + 10}"
