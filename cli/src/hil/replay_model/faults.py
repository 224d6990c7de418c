"""How is a task played wrongly on purpose, so that the check of it can be seen to fail?"""

from dataclasses import replace
from enum import StrEnum
from itertools import pairwise

from hil.domain_file import Action, Task


class Fault(StrEnum):
    SKIP = "skip"
    SWAP = "swap"
    DOUBLE = "double"


def with_fault(task: Task, fault: Fault, *, transfer_tool: str) -> Task:
    """The task with one call left out, exchanged with its neighbour, or made twice: the last one that is not the
    transfer, for after the transfer nobody sees what a model does. Where there is none, or no different neighbour,
    the fault is the nearest that shows: the only call is left out, or there is a transfer that nobody asked for."""
    actions = list(task.actions)
    own = [index for index, action in enumerate(actions) if action.name != transfer_tool]
    if not actions:
        return replace(task, actions=(Action(name=transfer_tool, arguments={"summary": "a fault on purpose"}),))
    if not own:
        return replace(task, actions=())
    match fault:
        case Fault.SKIP:
            del actions[own[-1]]
        case Fault.DOUBLE:
            actions.insert(own[-1], actions[own[-1]])
        case Fault.SWAP:
            _swap(actions, own)
    return replace(task, actions=tuple(actions))


def _swap(actions: list[Action], own: list[int]) -> None:
    different = [(left, right) for left, right in pairwise(own) if actions[left] != actions[right]]
    if not different:
        del actions[own[-1]]
        return
    left, right = different[-1]
    actions[left], actions[right] = actions[right], actions[left]
