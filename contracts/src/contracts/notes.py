"""What do human agents write for each other?"""

from pydantic import Field

from contracts.envelope import Identifier, Message, message_type

NOTE_CHARACTERS_MAX = 8_000


@message_type("cmd", "note.add", owner="hil-inbox", sent_by=("desktop",), read_by=("hil-inbox",))
class AddNote(Message):
    """Keep a note in the conversation; the customer and the AI never see it."""

    command_id: Identifier
    actor_id: Identifier
    text: str = Field(min_length=1, max_length=NOTE_CHARACTERS_MAX, json_schema_extra={"pii": True})


@message_type("evt", "note.added", owner="hil-inbox", sent_by=("hil-inbox",), read_by=("hil-inbox", "desktop"))
class NoteAdded(Message):
    """A note of a human agent."""

    note_id: str
    actor_id: str
    text: str = Field(max_length=NOTE_CHARACTERS_MAX, json_schema_extra={"pii": True})
    at_ms: int = 0
