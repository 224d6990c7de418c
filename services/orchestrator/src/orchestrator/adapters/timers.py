"""How does the orchestrator get a key woken up?"""

from contracts.executions import TimerFired
from contracts.subjects import timer_subject
from service_kit.connection import Connection
from service_kit.key_timers import KeyTimers

TIMER_ID = "wake"


def wake_subject(tenant: str, key: str) -> str:
    """Where the timer of a key is stored."""
    return timer_subject(TIMER_ID, tenant, key)


def wake_timers(connection: Connection) -> KeyTimers:
    """One timer a key (ADR-0003); it publishes `timer.fired` into the key's log."""
    return KeyTimers(connection, TIMER_ID, lambda due_ms: TimerFired(timer_id=TIMER_ID, due_ms=due_ms))
