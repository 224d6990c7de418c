"""Does a desktop show what was told, and which event shows that it does not?"""

from collections import Counter
from collections.abc import Iterable

from hil.desktop.desktop_process import Shown, ShownLine, ShownRow
from hil.desktop.rules import Broken
from hil.desktop.story import Story
from hil_inbox.domain.read_model import Body

LOOKED_AT = ("state", "owner_id", "as_of_seq")


def differences(shown: Shown, story: Story, through: int, *, open_keys: Iterable[str]) -> list[Broken]:
    """What is shown wrongly, as of a sequence."""
    found = _rows(shown.rows, story, through)
    for key in open_keys:
        found += _lines(shown.lines.get(key, []), story, key, through)
    return found


def _rows(shown: list[ShownRow], story: Story, through: int) -> list[Broken]:
    found = [Broken("twice", f"row {id_} is shown {times} times") for id_, times in _repeated(row.id for row in shown)]
    expected = {id_: row for id_, row in story.rows(through).items() if row["state"] != "done"}
    known = {row.id: row for row in shown if row.state != "done"}
    for id_ in sorted({*expected, *known}):
        broken = _row(known.get(id_), expected.get(id_), id_, story, through)
        found += [] if broken is None else [broken]
    return found


def _row(shown: ShownRow | None, expected: Body | None, id_: str, story: Story, through: int) -> Broken | None:
    if shown is not None and expected is not None and all(getattr(shown, f) == expected[f] for f in LOOKED_AT):
        return None
    if shown is not None and expected is not None and shown.as_of_seq > int(str(expected["as_of_seq"])):
        return None  # A page of the snapshot was newer; what it shows is looked at when the feed has come there.
    change = story.newest(lambda one: id_ in one.rows, through)
    if change is None:
        return Broken("left-out", f"row {id_} is shown, and was never told")
    told = change.rows[id_]
    is_shown = "not shown" if shown is None else f"shown as {_words(shown.state, shown.owner_id)} of {shown.as_of_seq}"
    text = f"row {id_} is {is_shown}; {change} made it {_words(str(told['state']), told['owner_id'])}"
    return Broken("left-out", text)


def _words(state: str, owner_id: object) -> str:
    return state if owner_id is None else f"{state} to {owner_id}"


def _lines(shown: list[ShownLine], story: Story, key: str, through: int) -> list[Broken]:
    found = [
        Broken("twice", f"line {id_} of {key} is shown {times} times; {_teller(story, key, id_)} told it")
        for id_, times in _repeated(line.id for line in shown)
    ]
    ids = (line.message_id for line in shown if line.message_id is not None)
    found += [Broken("twice", f"message {id_} of {key} is shown {times} times") for id_, times in _repeated(ids)]
    states = {line.id: line.state for line in shown}
    for line in story.lines(key, through):
        id_, state = str(line["id"]), str(line["state"])
        if states.get(id_) != state:
            is_shown = f"shown as {states[id_]}" if id_ in states else "not shown"
            text = f"line {id_} of {key} is {is_shown}; {_teller(story, key, id_)} told it as {state}"
            found.append(Broken("left-out", text))
    return found


def _teller(story: Story, key: str, line_id: str) -> str:
    tellers = (one for one in story.changes if one.key == key and any(line["id"] == line_id for line in one.lines))
    return str(next(tellers, "no event"))


def _repeated(ids: Iterable[str]) -> list[tuple[str, int]]:
    return [(id_, times) for id_, times in Counter(ids).items() if times > 1]
