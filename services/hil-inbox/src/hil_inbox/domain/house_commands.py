"""What does the inbox itself ask for: give a handover to somebody who is there, take it from somebody who is gone?"""

from dataclasses import dataclass
from typing import Literal

HOUSE = "hil-inbox"
"""The actor of what nobody asked for."""


@dataclass(frozen=True, slots=True)
class AssignHandover:
    """Give a handover that nobody owns to an agent, if it is still in the epoch that was seen."""

    command_id: str
    handover_id: str
    ownership_epoch: int
    agent_id: str
    actor_id: str = HOUSE


@dataclass(frozen=True, slots=True)
class RehomeHandover:
    """Put a handover back into its queue, if it is still owned in the epoch that was seen."""

    command_id: str
    handover_id: str
    ownership_epoch: int
    reason: Literal["agent_offline", "rehomed"]
    actor_id: str = HOUSE


HouseCommand = AssignHandover | RehomeHandover


def rehome_id(handover_id: str, ownership_epoch: int) -> str:
    """One command for each time that somebody owned it, whichever replica asks, so that it happens once."""
    return f"rehome-{handover_id}-{ownership_epoch}"[:128]
