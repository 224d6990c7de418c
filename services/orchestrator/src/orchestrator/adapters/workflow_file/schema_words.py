"""Which words is the published JSON Schema written with, and which shapes do several fields share?

Keywords that can only say "no" (anyOf, oneOf) are avoided for their messages: a keyword such as `pattern` binds only
values of its own type, so a list of types is enough."""

from collections.abc import Mapping
from typing import Final

from contracts.objectives import Metric
from orchestrator.domain.workflow import JsonValue

Schema = dict[str, JsonValue]

DAY_MS: Final = 86_400_000
IDENTIFIER: Final = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"
BOUND: Final = rf"^\s*({'|'.join(Metric)})\s*(<=|>=|<|>)\s*([0-9]+(\.[0-9]+)?)\s*$"
DURATION: Final = "^([1-9][0-9]{0,4})(m|h|d)$"
PERCENT: Final = r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$"
SINK_ACTIONS: Final = {"finish_conversation": "FINISH", "handover_to_human": "HANDOVER"}
PRIORITIES: Final[list[JsonValue]] = ["low", "normal", "high", "urgent"]


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def text(description: str, **more: JsonValue) -> Schema:
    return {"type": "string", "description": description, "minLength": 1, "maxLength": 20_000, **more}


def identifier(description: str) -> Schema:
    return text(f"{description}: letters, digits and _, at most 64, no digit first", pattern=IDENTIFIER)


def choice(description: str, *options: str) -> Schema:
    return {"type": "string", "description": description, "enum": [*options]}


def integer(description: str, least: int, most: int) -> Schema:
    return {"type": "integer", "description": description, "minimum": least, "maximum": most}


def number(description: str, least: float, most: float) -> Schema:
    return {"type": "number", "description": description, "minimum": least, "maximum": most}


def flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def listing(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "maxItems": most}


def fields(description: str, properties: Mapping[str, Schema], *required: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": {**properties},
        "required": [*required],
        "additionalProperties": False,
    }


def mapping(description: str, values: Schema) -> Schema:
    return {"type": "object", "description": description, "additionalProperties": values, "maxProperties": 500}


JSON_SCHEMA: Final[Schema] = {"type": "object", "description": "a JSON Schema (2020-12, no remote references)"}
TOOL: Final = text(
    "a tool as <server>.<tool>; lists also take patterns such as shopify.*",
    pattern=r"^[A-Za-z0-9_*-]+(\.[A-Za-z0-9_*-]+)*$",
    maxLength=200,
)

REACTION_FIELDS: Final[Mapping[str, Schema]] = {
    "fallback": identifier("the node that stands in"),
    "default_response": text("said to the customer once; then handover"),
}
COST_FIELDS: Final[Mapping[str, Schema]] = {
    **REACTION_FIELDS,
    "cheaper_profile": identifier("a model profile that costs less"),
    "ask_human": fields(
        "a person is asked to raise the cap",
        {
            "timeout_ms": integer("milliseconds that the question waits for an answer", 1_000, 7 * DAY_MS),
            "skills": ref("skills"),
            "priority": ref("priority"),
        },
    ),
}
COST_HINT: Final = (
    "ask_human, {ask_human: {timeout_ms, skills, priority}}, {cheaper_profile: <profile>}, handover, "
    "{fallback: <node id>} or {default_response: <text>}"
)
COST_REACTION: Final[Schema] = {
    **fields(COST_HINT, COST_FIELDS),
    "type": ["string", "object"],
    "pattern": "^(retry|handover|ask_human)$",
    "minProperties": 1,
    "maxProperties": 1,
}

DEFINITIONS: Final[Mapping[str, Schema]] = {
    "money": {
        "type": ["number", "string"],
        "description": "USD as a decimal to the micro-dollar, such as 0.15; 0 refuses everything; or uncapped",
        "minimum": 0,
        "maximum": 1_000_000,
        "pattern": r"^(uncapped|[0-9]{1,6}(\.[0-9]{1,6})?)$",
    },
    "backoff": {
        **fields(
            "fixed, exponential, or {kind, base_ms, cap_ms, jitter}",
            {
                "kind": choice("how waits grow", "fixed", "exponential"),
                "base_ms": integer("milliseconds before the second attempt", 0, DAY_MS),
                "cap_ms": integer("most milliseconds between attempts", 0, DAY_MS),
                "jitter": number("0.2 spreads a wait over 80 % to 120 % of it", 0, 1),
            },
        ),
        "type": ["string", "object"],
        "pattern": "^(fixed|exponential)$",
    },
    "reaction": {
        **fields(
            "retry, handover, {fallback: <node id>} or {default_response: <text>}",
            REACTION_FIELDS,
        ),
        "type": ["string", "object"],
        "pattern": "^(retry|handover)$",
        "minProperties": 1,
        "maxProperties": 1,
    },
    "cost_reaction": COST_REACTION,
    "cost_reactions": {
        **COST_REACTION,
        "description": f"{COST_HINT}; or a list of them, tried in order",
        "type": ["string", "object", "array"],
        "items": ref("cost_reaction"),
        "minItems": 1,
        "maxItems": 5,
    },
    "condition": {
        **fields(
            "a JMESPath text, or {type: jmespath | expression, expression: <text>}",
            {
                "type": choice("the language", "jmespath", "expression"),
                "expression": text("the condition", maxLength=2_000),
            },
            "type",
            "expression",
        ),
        "type": ["string", "object"],
        "minLength": 1,
        "maxLength": 2_000,
    },
    "bound": text(f'such as "success_rate < 0.90"; one of {", ".join(Metric)}', pattern=BOUND),
    "skills": listing(text("a skill that the human agent needs", maxLength=64), 20),
    "priority": {"type": "string", "description": "how urgent a handover is", "enum": PRIORITIES},
}
