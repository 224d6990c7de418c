"""Who may call which tools, and with which arguments?"""

from dataclasses import dataclass

ANY = ("*",)


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of the manifest's `grants`. It holds for a call when every list has a pattern that matches (`shop.*`;
    a call without an agent or entity is matched by `*` alone) and every constraint in `when` is true: JMESPath
    expressions over the call's arguments. `permissions` are what it adds to the call's rights."""

    name: str
    tools: tuple[str, ...]
    agents: tuple[str, ...] = ANY
    workflows: tuple[str, ...] = ANY
    nodes: tuple[str, ...] = ANY
    tenants: tuple[str, ...] = ANY
    entities: tuple[str, ...] = ANY
    permissions: frozenset[str] = frozenset()
    when: tuple[str, ...] = ()
