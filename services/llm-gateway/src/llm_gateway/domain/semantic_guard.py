"""Do two questions that sound alike ask for the same thing?

Embeddings hardly see a changed number, name, negation or direction (docs/semantic-cache.md); so these are compared word
by word, and any difference is a no.
"""

import re
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:[.,'’:/-][^\W_]+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?\n]\s*)[\"'(]*$")
_NEGATION = frozenset(
    """
    not no never none nobody nothing neither nor without cannot cant dont doesnt didnt isnt arent wasnt werent
    wont wouldnt couldnt shouldnt hasnt havent hadnt unable fail fails failed failing refuse refused decline
    declined reject rejected lack lacks missing except unless stop stopped hardly barely rarely seldom
    """.split()
)
_NUMBER_WORDS = frozenset(
    """
    one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand
    first second third fourth fifth once twice double half quarter both
    """.split()
)
_DIRECTIONS = frozenset(
    """
    from to into before after until since above below over under more less most least up down in out on off
    earlier later open close opened closed start end begin finish enable disable freeze unfreeze lock unlock block
    unblock increase decrease raise lower upgrade downgrade subscribe unsubscribe activate deactivate add remove
    buy sell send receive sent received pay paid refund deposit withdraw login logout import export upload
    download accept decline keep return cancel confirm monday tuesday wednesday thursday friday saturday sunday
    january february march april may june july august september october november december today tomorrow yesterday
    weekday weekend morning evening day night week month year monthly yearly annual weekly daily old new minimum
    maximum min max partial partially full fully complete incomplete physical virtual debit credit personal
    business inbound outbound incoming outgoing
    north south east west left right same different mine yours my your his her their our he she they i you
    """.split()
)
_PREFIXES = ("un", "dis", "in", "im", "il", "ir", "non", "non-", "mis", "de", "re")
_FILLERS = frozenset("a an the please kindly just really hi hello hey thanks thank so well ok okay".split())
_SYNONYMS = {"youre": "your", "im": "i", "ive": "i", "id": "i", "me": "i"}


@dataclass(frozen=True, slots=True)
class Marks:
    """What two questions must have in common."""

    numbers: tuple[str, ...]
    names: frozenset[str]
    negations: int
    directions: tuple[str, ...]
    words: frozenset[str]


def ask_the_same(one: str, other: str) -> bool:
    """Whether nothing decisive differs. Says nothing about how alike they are."""
    mine, theirs = marks_of(one), marks_of(other)
    decisive = (
        mine.numbers == theirs.numbers,
        mine.names == theirs.names,
        mine.negations % 2 == theirs.negations % 2,
        bool(mine.negations) == bool(theirs.negations),
        mine.directions == theirs.directions,
    )
    return all(decisive) and not _opposites(mine.words, theirs.words)


def same_words(one: str, other: str) -> bool:
    """Whether the words are the same in the same order, whatever their case and what is between them."""
    return [_plain(word[0]) for word in _WORD.finditer(one)] == [_plain(word[0]) for word in _WORD.finditer(other)]


def numbers_of(text: str) -> frozenset[str]:
    """The words that have a digit."""
    return frozenset(word[0].lower() for word in _WORD.finditer(text) if any(one.isdigit() for one in word[0]))


def marks_of(text: str) -> Marks:
    """Read off the words; order counts for numbers and directions: `from A to B` is not `from B to A`."""
    numbers: list[str] = []
    names: set[str] = set()
    directions: list[str] = []
    words: set[str] = set()
    negations, after_direction = 0, ""
    for found in _WORD.finditer(text):
        word = found[0]
        plain = _plain(word)
        if any(character.isdigit() for character in word) or plain in _NUMBER_WORDS:
            numbers.append(plain)
        elif _is_name(text, found.start(), word):
            names.add(plain)
        if plain in _NEGATION or (plain.endswith("nt") and plain[:-2] in _AUXILIARIES):
            negations += 1
        if after_direction and plain not in _FILLERS:
            directions.append(f"{after_direction} {plain}")
            after_direction = ""
        if direction := _direction(plain):
            directions.append(direction)
            after_direction = plain if plain in ("from", "to", "into", "before", "after") else ""
        words.add(plain)
    return Marks(tuple(numbers), frozenset(names), negations, tuple(directions), frozenset(words))


_AUXILIARIES = frozenset("do does did is are was were wo would could should has have had ca ai must need".split())


def _plain(word: str) -> str:
    plain = word.lower().replace("'", "").replace("’", "")
    return _SYNONYMS.get(plain, plain)


def _direction(plain: str) -> str:
    """Its base form: `upgrading` and `upgraded` go where `upgrade` goes. Empty for other words."""
    forms = [plain]
    for ending in ("ing", "ed", "s"):
        if plain.endswith(ending) and len(plain) > len(ending) + 2:
            stem = plain[: -len(ending)]
            forms += [stem, stem + "e", stem[:-1]]
    return next((form for form in forms if form in _DIRECTIONS), "")


def _is_name(text: str, start: int, word: str) -> bool:
    """Capitals within a sentence, or more than one of them anywhere: names, products, sizes, codes."""
    if not word[0].isupper() or word in ("I", "I'm", "I've", "I'd", "I'll"):
        return False
    if len(word) > 1 and any(character.isupper() for character in word[1:]):
        return True
    return not _SENTENCE_START.search(text[max(start - 4, 0) : start])


def _opposites(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    """`freeze` here, `unfreeze` there."""
    return any(
        (prefix + word in theirs - mine and word not in theirs) or (prefix + word in mine - theirs and word not in mine)
        for word in mine | theirs
        for prefix in _PREFIXES
    )
