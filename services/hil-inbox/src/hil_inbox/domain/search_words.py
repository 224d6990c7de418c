"""By which words is a conversation found?"""

import re
import unicodedata

from contracts.conversations import MessageReceived, MessageSent
from contracts.envelope import LogEntry
from contracts.handovers import OpenHandover
from pii import redact

WORD = re.compile(r"\w+")
WORD_CHARACTERS_MAX = 40
WORDS_MAX = 60
"""Different words of one message that are kept; a longer text is found by its beginning."""
ASKED_WORDS_MAX = 8
TEXT_CHARACTERS_MAX = 4_000


def words_of(text: str, *, at_most: int = WORDS_MAX) -> tuple[str, ...]:
    """Different words in their order, without case; single letters and marks are left out."""
    folded = unicodedata.normalize("NFKC", text[:TEXT_CHARACTERS_MAX]).casefold()
    found = (word[:WORD_CHARACTERS_MAX] for word in WORD.findall(folded) if len(word) > 1)
    return tuple(dict.fromkeys(found))[:at_most]


def words_in(entry: LogEntry) -> tuple[str, ...]:
    """Of what an entry says to or about a customer. Words are names of documents, so those that identify a person
    (addresses, numbers of cards and accounts) are no words."""
    match entry.message:
        case MessageReceived(text=text, entity=entity):
            return words_of(redact(f"{entity or ''} {text}"))
        case MessageSent(text=text):
            return words_of(redact(text))
        case OpenHandover(packet=packet):
            return words_of(redact(f"{packet.entity or ''} {packet.ask}"))
        case _:
            return ()
