"""What does the workflow format look like, as JSON Schema for editors and for our own check of a file's structure?

The published `workflows/workflow.schema.json` is printed by `python -m orchestrator.adapters.workflow_file`.
Descriptions double as hints in error messages."""

import json
from typing import Final

from orchestrator.adapters.workflow_file.schema_nodes import AGENT, EDGE, NODE, NODE_LIMITS
from orchestrator.adapters.workflow_file.schema_words import (
    DAY_MS,
    DEFINITIONS,
    DURATION,
    PERCENT,
    TOOL,
    Schema,
    choice,
    fields,
    flag,
    identifier,
    integer,
    listing,
    mapping,
    number,
    ref,
    text,
)

LIMITS: Final = fields(
    "limits of a whole execution, and defaults for its nodes",
    {
        **NODE_LIMITS,
        "deadline_ms": integer("milliseconds for the whole execution", 1, 30 * DAY_MS),
        "context_tokens": integer("tokens of the conversation so far that a prompt may hold", 100, 2_000_000),
        "turns_per_minute": integer("turns of one conversation in a minute", 1, 10_000),
        "turns_queued": integer("turns of one conversation that may wait", 1, 10_000),
        "idle_close_ms": integer("milliseconds after which an idle conversation is closed", 1_000, 365 * DAY_MS),
        "allow_repeated_reply": flag("whether the same reply may be sent twice within a turn"),
        "on_limit": fields(
            "what happens at a limit of the whole execution",
            {"max_cost": ref("cost_reactions"), "deadline_ms": ref("reaction")},
        ),
    },
)

HIL: Final = fields(
    "when a human agent takes over although no node failed",
    {
        "confidence_min": number("an output with a lower `confidence` is handed over", 0, 1),
        "confidence_threshold": number("another name of confidence_min", 0, 1),
        "customer_request_phrases": listing(text("what a customer says who wants a human", maxLength=200), 200),
        "consecutive_errors_max": integer("errors in a row", 1, 100),
        "complexity": fields(
            "a conversation that grows beyond these is handed over",
            {
                "turns_max": integer("turns of a conversation", 1, 10_000),
                "tool_calls_max": integer("tool calls of an execution", 1, 10_000),
            },
        ),
        "policies": listing(
            fields(
                "hands over when the condition holds",
                {"when": ref("condition"), "detail": text("why, for the human agent", maxLength=500)},
                "when",
                "detail",
            ),
            100,
        ),
        "transfer_tools": listing(TOOL, 20),
        "skills": ref("skills"),
        "priority": ref("priority"),
        "suggestions": fields(
            "how drafts for human agents are written",
            {
                "profile": identifier("a model profile of the gateway, such as fast, balanced or powerful"),
                "prompt": text("the instruction, as plain text", minLength=1, maxLength=20_000),
                "timeout_ms": integer("milliseconds for a draft", 100, 600_000),
            },
        ),
    },
)

SLOS: Final = fields(
    "what the workflow promises",
    {
        "success_rate": number("least share of successful executions", 0, 1),
        "p50_latency_ms": integer("most milliseconds, median", 1, DAY_MS),
        "p95_latency_ms": integer("most milliseconds, 95th percentile", 1, DAY_MS),
        "p99_latency_ms": integer("most milliseconds, 99th percentile", 1, DAY_MS),
        "cost_per_request": number("most USD for one execution", 0, 1_000_000),
        "handover_rate_max": number("most executions handed over, as a share of all", 0, 1),
        "objectives": listing(
            fields(
                "an objective of one's own",
                {"name": identifier("its name"), "condition": ref("bound")},
                "name",
                "condition",
            ),
            50,
        ),
        "alerts": listing(
            fields(
                "raised while the condition is true",
                {"condition": ref("bound"), "severity": choice("how bad it is", "info", "warning", "critical")},
                "condition",
                "severity",
            ),
            50,
        ),
        "window": text("what is looked at: 30m, 12h or 30d", pattern=DURATION),
        "minimum_events": integer("fewer executions than these are no data", 1, 1_000_000),
    },
)

BASELINE: Final = fields(
    "what a person would take for one execution; time and cost saved are measured against it",
    {
        "handling_seconds": integer("seconds that a person would need, 300 unless declared", 0, DAY_MS // 1_000),
        "usd_per_hour": number("USD that an hour of a person costs, 25 unless declared", 0, 10_000),
    },
)

DEPLOYMENT: Final = fields(
    "how a version goes live",
    {
        "stages": listing(
            fields(
                "one stage",
                {
                    "name": choice("which stage", "shadow", "suggest", "review", "auto"),
                    "duration": text("30m, 12h, 7d, or ongoing", pattern=f"{DURATION}|^ongoing$"),
                    "rollout": text("share of the traffic, such as 5%", pattern=PERCENT),
                    "mode": choice("what the version may do", "observe_only", "suggest_only", "human_review", "full"),
                    "collect_metrics": flag("whether its figures are kept"),
                    "human_review_required": flag("whether a human agent must approve each reply"),
                    "auto_rollback_on_error_rate": number("share of errors that takes the version back", 0, 1),
                },
                "name",
                "duration",
                "rollout",
            ),
            10,
        )
    },
    "stages",
)

WORKFLOW_SCHEMA: Final[Schema] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "HIL Agent System workflow",
    **fields(
        "a workflow file",
        {
            "name": text("letters, digits, _ and -", pattern="^[A-Za-z][A-Za-z0-9_-]{0,63}$"),
            "version": {
                "type": ["string", "number"],
                "description": "letters, digits, dots, + and -, such as 2.0.0",
                "pattern": "^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$",
            },
            "description": text("for readers"),
            "agents": mapping("agents by name", AGENT),
            "workflow": fields(
                "the graph",
                {
                    "start": {
                        "type": ["string", "array"],
                        "description": "the first node, or several that start in parallel",
                        "items": identifier("a node"),
                        "maxItems": 100,
                    },
                    "nodes": {**listing(NODE, 500), "minItems": 1},
                    "edges": listing(EDGE, 5_000),
                },
                "nodes",
                "edges",
            ),
            "limits": LIMITS,
            "hil": HIL,
            "slos": SLOS,
            "baseline": BASELINE,
            "deployment": DEPLOYMENT,
        },
        "name",
        "version",
        "workflow",
    ),
    "$defs": {**DEFINITIONS},
}


def schema_text() -> str:
    """The published file, byte for byte."""
    return json.dumps(WORKFLOW_SCHEMA, indent=2) + "\n"
