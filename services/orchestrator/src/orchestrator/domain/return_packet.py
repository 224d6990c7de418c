"""What does the AI get to know of what people did with a conversation before they gave it back?"""

import json

from orchestrator.domain.state import Conversation

HEADING = (
    "People of this house spoke with the customer and gave the conversation back to you. What follows is from them, "
    "not from the customer: rely on it and keep to it."
)
CHARACTERS_MAX = 16_000
"""Of the whole block. What must not be done comes first, so that it is the last to be cut."""


def words_of_the_house(state: Conversation) -> str:
    """One block of a prompt, of all returns that are kept; empty where nothing was left for the AI."""
    returns = state.returns
    parts = [
        _listed("Do not do this (again):", [line for back in returns for line in back.not_again]),
        _listed("Promised to the customer:", [line for back in returns for line in back.promises]),
        _listed("What was done:", [back.outcome for back in returns if back.outcome]),
    ]
    if returns and state.facts:
        parts.append("Facts that people found: " + json.dumps(dict(state.facts), ensure_ascii=False, sort_keys=True))
    said = [part for part in parts if part]
    return "\n\n".join([HEADING, *said])[:CHARACTERS_MAX] if said else ""


def _listed(heading: str, lines: list[str]) -> str:
    return "\n".join([heading, *(f"- {line}" for line in dict.fromkeys(lines))]) if lines else ""
