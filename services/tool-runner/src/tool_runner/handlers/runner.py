"""What is a tool call carried out with, and what is known of the call in hand?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contracts.envelope import Identity, Message
from contracts.subjects import Subject
from contracts.tool_calls import ExecuteToolCall
from pii import redact
from service_kit.bus import Delivery
from service_kit.log import Log
from tool_runner.adapters.call_ledger import CallLedger, CallReference
from tool_runner.adapters.result_cache import ResultCache
from tool_runner.adapters.result_tokens import ResultTokens
from tool_runner.adapters.tool_registry import RegisteredTool, ToolRegistry
from tool_runner.adapters.vault.vault import Vault
from tool_runner.domain.arguments import Caller, call_hash
from tool_runner.domain.check_grants import CallFacts
from tool_runner.domain.grants import Grant
from tool_runner.domain.limits_of_call import SpendingCall
from tool_runner.domain.manifest import Json, Tool
from tool_runner.domain.outcome import Ended
from tool_runner.handlers.make_call import ToolServer
from tool_runner.handlers.places import Places
from tool_runner.handlers.single_flight import SingleFlight
from tool_runner.handlers.spending import Spending


class Publish(Protocol):
    async def __call__(self, message: Message, identity: Identity) -> int: ...


@dataclass(frozen=True, slots=True)
class Runner:
    """What a command is carried out with. `grants` and the tools' rules are those of manifest `manifest_version`;
    there is no vault where it declares no apps."""

    registry: ToolRegistry
    servers: Mapping[str, ToolServer]
    places: Places
    ledger: CallLedger
    spending: Spending
    cache: ResultCache
    tokens: ResultTokens
    vault: Vault | None
    log: Log
    publish: Publish
    now_ms: Callable[[], int]
    grants: Sequence[Grant]
    manifest_version: str
    redacting: Callable[[str], str] = redact
    flights: SingleFlight[Ended | None] = field(default_factory=SingleFlight)


@dataclass(frozen=True, slots=True)
class CallInHand:
    """A delivered command and the tool that it names. `stored_ms` and `sequence` are those of its log entry;
    `arguments` are those that the tool gets, with the values of tokens in the command's; `headers` are what the
    entity's account adds, which was connected at `connected_at_ms`."""

    command: ExecuteToolCall
    command_id: str
    place: Subject
    stored_ms: int
    sequence: int
    registered: RegisteredTool
    arguments: Json = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    connected_at_ms: int | None = None

    @property
    def tool(self) -> Tool:
        return self.registered.tool

    @property
    def caller(self) -> Caller:
        return Caller(self.place.tenant, self.place.key, self.command.entity)

    @property
    def facts(self) -> CallFacts:
        """What grants and policies look at."""
        command = self.command
        return CallFacts(
            tool=command.tool,
            arguments=self.arguments,
            tenant=self.place.tenant,
            workflow=command.workflow,
            node=command.node,
            agent=command.agent,
            entity=command.entity,
        )

    def spending(self, now_ms: int) -> SpendingCall:
        """What counts the money and the calls."""
        command = self.command
        return SpendingCall(
            tenant=self.place.tenant,
            key=self.place.key,
            command_id=self.command_id,
            tool=self.tool,
            seconds=self.seconds_left(now_ms),
            agent=command.agent,
            workflow=command.workflow,
            node=command.node,
            execution_id=command.execution_id,
            entity=command.entity,
            caps=command.caps,
        )

    def seconds_left(self, now_ms: int) -> float:
        """Until the deadline, which counts from when the command was stored: its sender's timer does too."""
        return (self.stored_ms + self.command.timeout_ms - now_ms) / 1000

    def reference_in(self, ledger: CallLedger) -> CallReference:
        """The call's entry in the ledger."""
        return ledger.reference(
            f"{self.place.tenant}.{self.place.key}",
            self.command.idempotency_key,
            call_hash=call_hash(self.command.tool, self.command.arguments, self.caller),
            command_id=self.command_id,
        )


def call_in_hand(delivery: Delivery, registered: RegisteredTool) -> CallInHand:
    """The call of a delivery, once its tool is found."""
    entry = delivery.entry
    return CallInHand(
        command=command_of(delivery),
        command_id=entry.id,
        place=delivery.subject,
        stored_ms=entry.timestamp_ms,
        sequence=entry.sequence,
        registered=registered,
        arguments=command_of(delivery).arguments,
    )


def command_of(delivery: Delivery) -> ExecuteToolCall:
    assert isinstance(delivery.message, ExecuteToolCall)
    return delivery.message
