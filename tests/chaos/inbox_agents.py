"""What do human agents do while their inbox is killed: claim, write notes, reply, decide, resolve, go away?"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import aiohttp

from tests.chaos.inbox_verdict import Answers

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.1
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

    async def get(self, actor: str, path: str) -> Answer:
        """One answer, whoever gives it."""
        return await self._until_answered("GET", actor, path, headers={}, body=None)

    async def post(self, actor: str, path: str, *, key: str, etag: str | None, body: Mapping[str, object]) -> Answer:
        """The answer to a command; the same for both of a pair, else it raises AssertionError."""
        headers = {"Idempotency-Key": key} | ({} if etag is None else {"If-Match": etag})
        copies = 2 if self.random.random() < 0.3 else 1
        asking = (self._until_answered("POST", actor, path, headers=headers, body=body) for _ in range(copies))
        answers = await asyncio.gather(*asking)
        assert len({answer.status for answer in answers}) == 1, f"{path} {key}: {answers}"
        return answers[0]

    async def _until_answered(
        self, method: str, actor: str, path: str, *, headers: Mapping[str, str], body: Mapping[str, object] | None
    ) -> Answer:
        whose = {"Authorization": f"Bearer {self.token}", "Hil-Actor": actor, **headers}
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            url = self.random.choice(self.urls) + path
            try:
                async with self.session.request(method, url, json=body, headers=whose) as response:
                    if response.status not in UNANSWERED:
                        told = await response.json() if response.content_type == "application/json" else {}
                        return Answer(response.status, told)
            except (aiohttp.ClientError, TimeoutError):
                pass
            assert asyncio.get_running_loop().time() < deadline, f"{method} {path}: no answer in {PATIENCE_SECONDS} s"
            self.asked_again += 1
            await asyncio.sleep(PAUSE_SECONDS)


@dataclass(slots=True)
class Crew:
    """Two agents for each conversation, who do not talk to each other. `told` by key of the conversation."""

    desks: Desks
    seed: int
    told: dict[str, Answers] = field(default_factory=dict)

    async def serve(self, key: str, handover_id: str) -> None:
        """Both want it; who gets it writes a note and two replies, and resolves."""
        found = await asyncio.gather(*(self._claim(key, handover_id, actor) for actor in _pair(key)))
        winners = [actor for actor in found if actor is not None]
        assert len(winners) == 1, f"{key}: claimed by {winners}"
        await self._work(key, handover_id, winners[0])

    async def leave(self, key: str, handover_id: str, actor: str) -> None:
        """Say that they are there, take it, say so once more, and never come back."""
        await self._is_there(actor)
        assert await self._claim(key, handover_id, actor) == actor
        await self._is_there(actor)
        self._of(key).left.append(handover_id)

    async def decide(self, key: str, approval_id: str) -> None:
        """Both decide, each in another way; one of them counts."""
        verdicts = zip(_pair(key), ("approve", "reject"), strict=True)
        answers = await asyncio.gather(*(self._decide(approval_id, *one) for one in verdicts))
        assert sorted(answer.status for answer in answers) == [200, 409], f"{key}: {answers}"
        [counted] = [answer.body for answer in answers if answer.status == 200]
        self._of(key).verdicts.append((approval_id, str(counted["verdict"]), str(counted["actor_id"])))

    async def _is_there(self, actor: str) -> None:
        answer = await self.desks.post(actor, "/v1/me/heartbeat", key="sign-of-life", etag=None, body={})
        assert answer.status in (200, 204), answer

    async def _claim(self, key: str, handover_id: str, actor: str) -> str | None:
        """The actor, if the claim won."""
        path, etag = f"/v1/handovers/{handover_id}", await self._etag(actor, f"/v1/handovers/{handover_id}")
        answer = await self.desks.post(actor, f"{path}/claim", key=f"{actor}-claim-{key}", etag=etag, body={})
        if answer.status == 200:
            self._of(key).claims.append((actor, int(str(answer.body["ownership_epoch"]))))
            return actor
        assert answer.status == 409, f"{key}: {answer}"
        assert answer.body["owner_id"] in _pair(key), f"the loser is not told who won: {answer}"
        return None

    async def _work(self, key: str, handover_id: str, actor: str) -> None:
        told, path = self._of(key), f"/v1/handovers/{handover_id}"
        note = await self.desks.post(
            actor, f"/v1/conversations/acme/{key}/notes", key=f"note-{key}", etag=None, body={"text": f"note {key}"}
        )
        assert note.status == 200, f"{key}: {note}"
        told.notes.append(str(note.body["note_id"]))
        etag = f'"e{told.claims[-1][1]}"'
        for number in (1, 2):
            reply = f"reply-{number}-{key}"
            answer = await self.desks.post(
                actor, f"{path}/reply", key=reply, etag=etag, body={"text": f"{number}: {key}"}
            )
            assert answer.status == 202, f"{key}: {answer}"
            told.replies.append(reply)
        answer = await self.desks.post(
            actor, f"{path}/resolve", key=f"end-{key}", etag=etag, body={"resolution": "done"}
        )
        assert answer.status == 200, f"{key}: {answer}"
        told.resolved.append(int(str(answer.body["ownership_epoch"])))

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

    def _of(self, key: str) -> Answers:
        return self.told.setdefault(key, Answers())


def _pair(key: str) -> tuple[str, str]:
    number = Random(key).randrange(10)
    return f"agent-{number}", f"agent-{number + 10}"
