"""Which folded conversations are kept in memory?"""

from collections import OrderedDict
from dataclasses import dataclass, field

from hil_inbox.domain.ownership import Ownership


@dataclass(slots=True)
class StateCache:
    """The `states_max` conversations used last. A missing one is folded from its log again."""

    states_max: int
    _states: OrderedDict[tuple[str, str], Ownership] = field(default_factory=OrderedDict)

    def get(self, tenant: str, key: str) -> Ownership | None:
        """The state as it was put last, a prefix of the log."""
        state = self._states.get((tenant, key))
        if state is not None:
            self._states.move_to_end((tenant, key))
        return state

    def put(self, state: Ownership) -> None:
        """Keep a state; the one unused for longest makes room."""
        self._states[state.tenant, state.key] = state
        self._states.move_to_end((state.tenant, state.key))
        if len(self._states) > self.states_max:
            self._states.popitem(last=False)
