"""How does a prompt say what the stand-in model, the tool or the person is to do, and what is their answer?

Generator, stand-ins and simulation agree on these few functions and on nothing else."""

import hashlib
import re
from dataclasses import dataclass

TEMPLATE = "SIM {{{{ conversation.tenant }}}}/{{{{ conversation.id }}}}/{{{{ turn.id }}}} {node} {behaviour}"
PATTERN = re.compile(r"\bSIM (\S+) (\S+) ([a-z]+)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Directive:
    """`place` is tenant/key/turn (no turn in standalone mode); `count` is the number after the colon."""

    place: str
    node: str
    behaviour: str
    count: int = 0


def directive_text(node: str, behaviour: str) -> str:
    """The template that a workflow holds; the orchestrator fills in the place."""
    return TEMPLATE.format(node=node, behaviour=behaviour)


def read_directive(text: str) -> Directive | None:
    """The first directive in a text."""
    found = PATTERN.search(text)
    return None if found is None else Directive(found[1], found[2], found[3], int(found[4] or 0))


def number_of(place: str, node: str) -> int:
    """0 to 9: what the model or a person finds at a node."""
    return _hash(f"{place}/{node}") % 10


def number_of_effect(value: str) -> int:
    """0 to 9: what the tool answers."""
    return _hash(value) % 10


def confidence_of(place: str, node: str) -> float:
    """0.00 to 0.99."""
    return _hash(f"{place}/{node}/confidence") % 100 / 100


def note_of(place: str, node: str) -> str:
    """What a customer would read."""
    return f"{node} found {number_of(place, node)} for {place}"


def output_of(place: str, node: str) -> dict[str, object]:
    """The structured answer of the model."""
    return {"value": number_of(place, node), "confidence": confidence_of(place, node), "note": note_of(place, node)}


def calls_of(place: str, node: str, iteration: int) -> list[str]:
    """Values of the tool calls that a reasoning node makes in an iteration (from 1), side by side."""
    several = 1 + _hash(f"{place}/{node}/{iteration}/calls") % 2
    return [f"{place}/{node}/{iteration}/{number}" for number in range(several)]


def seconds_of(place: str, node: str) -> float:
    """0.2 to 1.2 s: how long a slow answer takes."""
    return 0.2 + _hash(f"{place}/{node}/slow") % 1000 / 1000


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
