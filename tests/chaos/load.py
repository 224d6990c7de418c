"""What do customers and callers ask for, by the seed alone?"""

from dataclasses import dataclass
from random import Random
from typing import Literal

TENANTS = ("acme", "acme", "globex")
Pace = Literal["one by one", "all at once"]


@dataclass(frozen=True, slots=True)
class AskedTurn:
    """One message of a customer; `copies` of it are published, side by side where there are several."""

    id: str
    text: str
    copies: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A conversation, or a standalone execution when there are no turns. `takeover_seconds`: a human agent claims the
    conversation this long after the first message."""

    tenant: str
    key: str
    workflow: str
    turns: tuple[AskedTurn, ...] = ()
    pace: Pace = "one by one"
    copies: int = 1
    takeover_seconds: float | None = None


def asked(seed: int, number: int, workflows: int) -> list[Asked]:
    """What is asked as the `number`-th thing: mostly one conversation or execution, now and then the same key for two
    tenants at once."""
    random = Random(f"{seed}/load/{number}")
    first = _asked(random, random.choice(TENANTS), f"k{seed}x{number}", f"w{random.randrange(workflows)}")
    if random.random() > 0.1:
        return [first]
    other = next(tenant for tenant in TENANTS if tenant != first.tenant)
    return [first, _asked(random, other, first.key, first.workflow)]


def _asked(random: Random, tenant: str, key: str, workflow: str) -> Asked:
    if random.random() < 0.35:
        return Asked(tenant, key, workflow, copies=_copies(random))
    turns = tuple(
        AskedTurn(f"t{number}", f"message {number} of {key}", _copies(random))
        for number in range(1, random.choice((1, 1, 2, 3)) + 1)
    )
    pace: Pace = "all at once" if random.random() < 0.3 else "one by one"
    takeover = random.uniform(0.0, 2.0) if random.random() < 0.12 else None
    return Asked(tenant, key, workflow, turns, pace, takeover_seconds=takeover)


def _copies(random: Random) -> int:
    return random.choice((1, 1, 1, 2, 5))
