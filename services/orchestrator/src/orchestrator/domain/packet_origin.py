"""Where does a packet come from, whom is it about, and what is known and asked, as far as the log says?"""

from collections.abc import Mapping

from contracts.completions import CompletionProduced
from contracts.handovers import OpenApproval, OpenHandover
from contracts.packet_parts import PacketApproval, PacketCustomer, PacketFact, PacketOrigin
from orchestrator.domain.state import Conversation
from orchestrator.domain.turns import ordered_turns
from orchestrator.domain.view import View
from orchestrator.domain.workflow import JsonValue

WORD_CHARACTERS_MAX = 256


def origin_of(view: View, opening: OpenHandover) -> PacketOrigin:
    """Ids; `workflow` and its version are empty where that version is in no registry any more."""
    state, execution = view.state, view.execution
    turn = state.turns.get(execution.turn_id or "")
    start = state.start.input_id if state.start is not None else None
    is_known = view.workflow.content_hash == execution.workflow_hash
    return PacketOrigin(
        tenant=state.tenant,
        conversation=state.key,
        handover_id=opening.handover_id,
        execution_id=execution.id,
        trigger_id=turn.input_id if turn is not None else start,
        as_of_seq=opening.based_on.fence,
        trace_id=turn.trace_id if turn is not None else None,
        workflow=view.workflow.name if is_known else "",
        workflow_version=view.workflow.version if is_known else "",
        workflow_hash=execution.workflow_hash,
        model=_newest_model(view),
    )


def customer_of(view: View) -> PacketCustomer | None:
    """What client applications said of the customer, the newest word of each; None where they said nothing."""
    said: dict[str, JsonValue] = dict(view.state.start.message.metadata) if view.state.start is not None else {}
    language: str | None = None
    for turn in ordered_turns(view.state):
        said |= turn.message.metadata
        language = turn.message.locale or language
    words = {name: _word(said, name) for name in ("name", "channel", "time_zone", "tier")}
    flags = {name: value for name in ("verified", "consent") if isinstance(value := said.get(name), bool)}
    customer = PacketCustomer.model_validate(
        {"id": view.entity, "language": language or _word(said, "language"), **words, **flags}
    )
    return customer if customer != PacketCustomer() else None


def known_facts(state: Conversation) -> tuple[PacketFact, ...]:
    """Facts that people found, with who and when."""
    return tuple(
        PacketFact(name=name, value=state.facts[name], source_id=source.actor_id, at_ms=source.at_ms)
        for name, source in state.fact_sources.items()
    )


def open_approvals(view: View) -> tuple[PacketApproval, ...]:
    """Questions of this execution that nobody has answered and that have not expired."""
    asked = [issued for issued in view.execution.commands.values() if view.outcome_of(issued) is None]
    return tuple(
        PacketApproval(
            id=message.approval_id,
            kind=message.kind,
            node=message.node,
            ask=message.ask,
            tool=message.tool,
            tool_call_id=message.tool_call_id,
            expires_ms=message.expires_ms,
        )
        for message in (issued.message for issued in asked)
        if isinstance(message, OpenApproval) and message.expires_ms > view.log_ms
    )


def _newest_model(view: View) -> str | None:
    outcomes = (view.outcome_of(issued) for issued in view.execution.commands.values())
    answers = [o for o in outcomes if o is not None and isinstance(o.message, CompletionProduced)]
    newest = max(answers, key=lambda outcome: outcome.sequence, default=None)
    return newest.message.model if newest is not None and isinstance(newest.message, CompletionProduced) else None


def _word(said: Mapping[str, JsonValue], name: str) -> str | None:
    value = said.get(name)
    return value[:WORD_CHARACTERS_MAX] if isinstance(value, str) and value else None
