"""What becomes of the commands of a desktop: an answer is lost, a race is lost, a reply is taken back?"""

from contracts.conversations import MessageReceived, MessageSent, MessageSuppressed
from hil.desktop.play import BASED, Play, claimed, handed_over
from hil.desktop.rules import Broken, PlayEnded
from hil.desktop.scripted_inbox import ACTOR

MINE, THEIRS = "mine", "theirs"


async def claim(play: Play) -> None:
    """The answer to a claim is lost on the way."""
    await play.happens(MessageReceived(turn_id="t1", text="Hello?"), handed_over(MINE), key=MINE)
    await play.opened(MINE)
    play.inbox.commands.silent.add(f"{MINE}-h")
    done = await play.desktop.do("claim", handover=f"{MINE}-h")
    claims = [one for one in play.inbox.commands.taken if one.id == f"{MINE}-h"]
    if done.outcome == "done" and len(claims) < 2:
        play.note("not-before-answer", f"the claim of {MINE}-h was called done; no answer to it was ever sent")
    if done.outcome == "refused" and claims:
        play.note("one-key", f"the claim of {MINE}-h was called refused, and it had been taken")
    await play.happens(claimed(f"{MINE}-h", ACTOR), key=MINE)


async def lose(play: Play) -> None:
    """Somebody else is faster."""
    id_ = f"{THEIRS}-h"
    await play.happens(MessageReceived(turn_id="t1", text="Hello?"), handed_over(THEIRS), key=THEIRS)
    play.inbox.commands.winners[id_] = "bo"
    done = await play.desktop.do("claim", handover=id_)
    was_lost = any(one.id == id_ for one in play.inbox.commands.taken)
    if was_lost and (done.outcome, done.owner_id) != ("refused", "bo"):
        text = f"the claim of {id_} got 409 with owner_id bo; the desktop says {done.outcome}, owner {done.owner_id}"
        play.note("lost-race", text)
    if any(row.id == id_ and row.owner_id == ACTOR for row in (await play.desktop.show()).rows):
        play.note("not-before-answer", f"row {id_} is shown as claimed by {ACTOR}; bo has it")
    await play.happens(claimed(id_, "bo"), key=THEIRS)


async def reply(play: Play) -> None:
    """A reply is handed over with 202; that it was sent comes later."""
    message_id = await _replied(play, "On my way.")
    if message_id is not None:
        said = {"text": "On my way.", "author": "human_agent", "author_id": ACTOR, "ownership_epoch": 1}
        fact = {"message_id": message_id, "based_on": BASED, **said}
        await play.happens(MessageSent.model_validate(fact), key=MINE)


async def undo(play: Play) -> None:
    """A reply is taken back before it was sent."""
    message_id = await _replied(play, "Wrong window.")
    if message_id is None:
        return
    await play.desktop.do("undo", handover=f"{MINE}-h", message_id=message_id)
    if not any(one.verb == "undo" and one.key == message_id for one in play.inbox.commands.taken):
        play.note("protocol", f"`undo` of {message_id} was ordered, and no request to take it back came")
    said = {"text": "Wrong window.", "author": "human_agent", "author_id": ACTOR, "reason": "undone"}
    fact = {"message_id": message_id, "based_on": BASED, **said}
    await play.happens(MessageSuppressed.model_validate(fact), key=MINE)


async def _replied(play: Play, text: str) -> str | None:
    """The id of a reply that was taken and not sent yet; None where it was refused, for which there was a reason."""
    done = await play.desktop.do("reply", handover=f"{MINE}-h", text=text)
    keys = [one.key for one in play.inbox.commands.taken if one.verb == "reply"]
    if done.outcome == "refused" and not keys:
        return None
    if done.message_id not in keys:
        told = f"`reply` was answered with message_id {done.message_id!r}; the keys of the replies that came are {keys}"
        raise PlayEnded(Broken("protocol", told))
    lines = (await play.desktop.show()).lines.get(MINE, [])
    if any(line.message_id == done.message_id and line.state == "sent" for line in lines):
        play.note("not-before-answer", f"the reply {done.message_id} is shown as sent; it was only taken, with 202")
    return done.message_id


COMMAND_ACTS = (claim, lose, reply, undo)
