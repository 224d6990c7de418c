"""What does a body hold after a number in it was incremented?"""

from document_store.errors import InvalidDocument
from document_store.protocol import Document


def add_to_number(document: Document, field: str, *, by: int) -> int | float:
    """Changes the body in place, with objects made on the way where the path has none."""
    *parents, last = field.split(".")
    target: object = document.body
    for name in parents:
        target = target.setdefault(name, {}) if isinstance(target, dict) else None
    value = target.get(last, 0) if isinstance(target, dict) else None
    if not isinstance(target, dict) or not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidDocument(f"{document.id}: {field} is not a number that {by} can be added to")
    target[last] = value + by
    return value + by
