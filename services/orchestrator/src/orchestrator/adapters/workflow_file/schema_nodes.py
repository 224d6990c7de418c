"""Which fields do agents, nodes and edges have in a workflow file?"""

from collections.abc import Mapping
from typing import Final

from orchestrator.adapters.workflow_file.schema_words import (
    DAY_MS,
    JSON_SCHEMA,
    SINK_ACTIONS,
    TOOL,
    Schema,
    choice,
    fields,
    identifier,
    integer,
    listing,
    number,
    ref,
    text,
)
from orchestrator.domain.workflow import NodeKind

ARGUMENTS: Final[Schema] = {
    "type": "object",
    "description": "the tool's arguments; {{ jmespath }} in texts is replaced",
}

INPUTS: Final[Schema] = {
    "type": "object",
    "description": "what a code node's code finds as `inputs`; {{ jmespath }} in texts is replaced, types are kept",
}

OUTCOME_METADATA: Final[Schema] = {
    "type": "object",
    "description": "what a FINISH sink tells of its outcome; {{ jmespath }} in texts is replaced, types are kept",
    "additionalProperties": {"type": ["string", "number", "boolean"], "maxLength": 2_000},
    "maxProperties": 20,
}

NODE_LIMITS: Final[Mapping[str, Schema]] = {
    "timeout_ms": integer("milliseconds for one attempt", 1, DAY_MS),
    "max_cost": ref("money"),
    "max_retries": integer("attempts in all, the first included: 1 means no second try; rounds of a code node", 1, 20),
    "retry_backoff": ref("backoff"),
    "max_iterations": integer("completions of one reasoning loop or code node", 1, 200),
}

CACHE: Final = fields(
    "whether the gateway may answer with what it answered before",
    {
        "tier": choice("exact: the same request; semantic: also a question that asks the same", "exact", "semantic"),
        "ttl_seconds": integer("seconds that an answer is kept", 1, 30 * 24 * 3_600),
        "knowledge_version": text(
            "of what answers rest on, such as {{ search.output.version }}: another one, other answers", maxLength=2_000
        ),
        "locale": text("of the customer, such as {{ conversation.metadata.locale }}", maxLength=2_000),
    },
)

MODEL_FIELDS: Final[Mapping[str, Schema]] = {
    "profile": identifier("a model profile of the gateway, such as fast, balanced or powerful"),
    "prompt": text("the instruction; {{ jmespath }} is replaced, for instance {{ turn.text }}"),
    "tools": listing(TOOL, 200),
    "output_schema": JSON_SCHEMA,
    "temperature": number("sampling temperature", 0, 2),
    "cache": CACHE,
    "confidence_min": number("an output with a lower `confidence` is handed over", 0, 1),
}

AGENT: Final = fields(
    "settings that nodes share by naming the agent",
    {
        "kind": choice("which rule runs it", "simple", "reasoning", "code"),
        "description": text("for readers"),
        **MODEL_FIELDS,
        "limits": fields("limits of every node that names the agent", NODE_LIMITS),
    },
    "kind",
)

NODE: Final = fields(
    "one node: it names an `agent`, or has a `type` of its own",
    {
        "id": identifier("the name of the node in edges and conditions"),
        "agent": identifier("an agent of `agents`"),
        "type": choice("which rule runs the node", *NodeKind),
        "description": text("for readers"),
        "join": choice("whether the node waits for all incoming edges or for the first", "all", "first"),
        **MODEL_FIELDS,
        "limits": fields("limits of this node", NODE_LIMITS),
        "on_limit": fields(
            "what happens at a limit",
            {
                name: ref("cost_reactions" if name == "max_cost" else "reaction")
                for name in NODE_LIMITS
                if name != "retry_backoff"
            },
        ),
        "fallback": identifier("the node that stands in when this one fails"),
        "default_response": text("said to the customer once when the node and its fallbacks fail; then handover"),
        "tool": TOOL,
        "arguments": ARGUMENTS,
        "inputs": INPUTS,
        "expression": ref("condition"),
        "ask": text("the question to the human agent"),
        "form": JSON_SCHEMA,
        "action": choice("how the execution ends", *SINK_ACTIONS),
        "reply": text("JMESPath to the text of the reply, such as answer.output.text", maxLength=2_000),
        "reason": identifier("the reason code of a handover sink"),
        "outcome": identifier("what a FINISH sink calls its end, such as sale_completed"),
        "metadata": OUTCOME_METADATA,
        "skills": ref("skills"),
        "priority": ref("priority"),
    },
    "id",
)

EDGE: Final = fields(
    "from one node to another, always or on a condition",
    {
        "from": identifier("a node"),
        "to": identifier("a node"),
        "condition": ref("condition"),
        "description": text("for readers"),
    },
    "from",
    "to",
)
