"""How does a scripted inbox take commands, and what does it see in them?"""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import JsonValue

from hil.desktop.rules import Broken
from hil.desktop.story import Story
from hil_inbox.api.etags import PreconditionUnreadable, epoch_seen


@dataclass(frozen=True, slots=True)
class Taken:
    """A command that came, with its Idempotency-Key."""

    verb: str
    id: str
    key: str


@dataclass(slots=True)
class ScriptedCommands:
    """`winners` says who else gets a handover first; of the ids in `silent` the first answer is lost."""

    story: Story
    actor: str
    broken: list[Broken]
    position: Callable[[], int]
    winners: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    taken: list[Taken] = field(default_factory=list)

    async def settle(self, request: web.Request) -> web.StreamResponse:
        """claim, reply, and whatever else has an etag."""
        command = Taken(
            request.match_info["verb"], request.match_info["id"], request.headers.get("Idempotency-Key", "")
        )
        problem = self._problem(request, command)
        if problem is not None:
            return problem
        earlier = [one for one in self.taken if (one.verb, one.id) == (command.verb, command.id)]
        self.taken.append(command)
        if command.verb == "claim" and earlier and earlier[0].key != command.key:
            self._note("one-key", f"claim of {command.id} came under {earlier[0].key!r}, then under {command.key!r}")
        if command.id in self.silent:
            self.silent.discard(command.id)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if command.verb == "reply":
            return web.json_response({"message_id": command.key, "sequence": self.position()}, status=202)
        return self._claimed(command)

    async def undo(self, request: web.Request) -> web.StreamResponse:
        """Taking a reply back needs no etag."""
        id_, message_id = request.match_info["id"], request.match_info["message_id"]
        self.taken.append(Taken("undo", id_, message_id))
        return web.json_response({"message_id": message_id, "sequence": self.position()}, status=202)

    def _claimed(self, command: Taken) -> web.Response:
        row = self.story.rows(self.position())[command.id]
        winner = self.winners.get(command.id)
        epoch = int(str(row["epoch"])) + 1
        fact: dict[str, JsonValue] = {"handover_id": command.id, "ownership_epoch": epoch}
        if winner is None:
            return web.json_response({"type": "hil.evt.handover.claimed.v1", **fact, "agent_id": self.actor})
        refusal: dict[str, JsonValue] = {"error": "already_claimed", "owner_id": winner, "since_ms": 1, "detail": ""}
        return web.json_response(
            {**refusal, **fact, "current": {**row, "owner_id": winner, "epoch": epoch}}, status=409
        )

    def _problem(self, request: web.Request, command: Taken) -> web.Response | None:
        """What the inbox would refuse as well."""
        if not command.key:
            self._note("one-key", f"{command.verb} of {command.id} came without Idempotency-Key")
            return web.json_response({"error": "invalid_request", "detail": "Idempotency-Key is missing"}, status=422)
        row = self.story.rows(self.position()).get(command.id)
        if row is None:
            return web.json_response({"error": "not_found", "detail": "no such handover"}, status=404)
        named, etag = request.headers.get("If-Match"), f'"e{row["epoch"]}"'
        if named is None:
            self._note("if-match", f"{command.verb} of {command.id} came without If-Match; its etag is {etag}")
            return web.json_response({"error": "precondition_required", "detail": "send If-Match"}, status=428)
        try:
            is_current = epoch_seen(named) == row["epoch"]
        except PreconditionUnreadable:
            is_current = False
        if is_current:
            return None
        change = self.story.newest(lambda one: command.id in one.rows, self.position())
        self._note("if-match", f"{command.verb} of {command.id} came with {named}; {change} had told {etag}")
        return web.json_response({"error": "stale_epoch", "detail": "it has changed", "current": row}, status=409)

    def _note(self, rule: str, text: str) -> None:
        broken = Broken(rule, text)  # type: ignore[arg-type] # Names of rules stand in this file.
        if broken not in self.broken:
            self.broken.append(broken)
