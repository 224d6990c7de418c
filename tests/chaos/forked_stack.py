"""How are services of a stack killed every few seconds on a machine that needs as long to import their libraries?"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from hil.embedded.directory import own_directory
from hil.embedded.plan import StackPlan
from hil.embedded.stack import Stack
from hil.embedded.units import ChildUnit
from tests.support.forked_child import ForkedChild


@asynccontextmanager
async def forked_stack(plan: StackPlan, names: Sequence[str], package: str) -> AsyncIterator[Stack]:
    """The system of the plan, ready; the named replicas of one service are forked from a process with its libraries."""
    with own_directory(plan.data_dir) as data_dir:
        stack = Stack(replace(plan, data_dir=data_dir), lambda _: None)
        for name in names:
            unit = child_of(stack, name)
            unit.child = ForkedChild(package, unit.child.command.environment, unit.child.command.log_file)
        try:
            await stack.start()
            yield stack
        finally:
            await stack.stop()


def child_of(stack: Stack, name: str) -> ChildUnit:
    """One of the stack's processes."""
    unit = stack.units[name]
    assert isinstance(unit, ChildUnit)
    return unit
