"""What does the page show in its own tests: which rows, packets, lines and approvals?"""

from typing import Any

Row = dict[str, Any]
NEVER_MS = 9007199254740991
NAMES = (
    "Mia Laurent",
    "Omar Haddad",
    "Priya Nair",
    "Jonas Weber",
    "Sofia Rossi",
    "Kenji Ito",
    "Ana Costa",
    "Liam Byrne",
)
ASKS = (
    "Wants the refund for the returned jacket to the card, not as a voucher",
    "The parcel is marked as delivered, but nothing has arrived",
    "Asks whether the warranty covers a cracked frame after two years",
    "Charged twice for order 20417 and wants one payment back",
    "Needs to change the delivery address before tomorrow's dispatch",
    "The discount code of the newsletter is refused at the checkout",
)
REASONS = ("customer_asked", "not_sure", "tool_failed", "policy_risk")
PRIORITIES = ("normal", "high", "normal", "urgent", "low")
RANKS = {"urgent": 0, "high": 1, "normal": 2, "low": 3}
HOSTILE = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
REJECTION_REASONS = [
    {"code": "wrong_amount", "label": "The amount is wrong"},
    {"code": "fraud_suspected", "label": "Fraud suspected"},
    {"code": "other", "label": "Something else"},
]
REFUND = {
    "type": "object",
    "required": ["order_id", "amount", "method"],
    "properties": {
        "order_id": {"type": "string", "pattern": "^#[0-9]+$", "description": "With the number sign."},
        "amount": {"type": "number", "minimum": 0, "maximum": 500, "title": "Amount in EUR"},
        "method": {"enum": ["card", "voucher"]},
        "notify": {"type": "boolean", "title": "Tell the customer by mail"},
        "when": {"type": "string", "format": "date"},
        "items": {"type": "array", "items": {"type": "integer"}, "title": "Item numbers"},
        "address": {
            "type": "object",
            "required": ["city"],
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        },
    },
}


def handover_row(number: int, now_ms: int) -> Row:
    """One waiting handover; the first three are over or near their time."""
    priority = PRIORITIES[number % len(PRIORITIES)]
    due_ms = now_ms + (-240_000, 130_000, 262_000)[number] if number < 3 else now_ms + 400_000 + number * 41_000
    clock = {"due_ms": due_ms, "state": "breached" if due_ms < now_ms else "running"}
    return {
        "id": f"h{number}",
        "kind": "handover",
        "tenant": "acme",
        "key": f"c{number}",
        "state": "waiting",
        "queue": ("orders", "returns", "billing")[number % 3],
        "team": "retail" if number % 4 == 0 else None,
        "owner_id": None,
        "epoch": 1,
        "priority": priority,
        "rank": RANKS[priority],
        "skills": ["shop"],
        "reason": REASONS[number % len(REASONS)],
        "ask": ASKS[number % len(ASKS)],
        "customer": NAMES[number % len(NAMES)],
        "opened_ms": now_ms - 300_000 - number * 1000,
        "due_ms": due_ms,
        "clocks": {
            "first_response": clock,
            "resolution": {"due_ms": now_ms + 14_000_000, "state": "running"},
        },
        "snoozed_until_ms": None,
        "last_author": "customer",
        "last_text": "Can somebody please help me?",
        "last_ms": now_ms - 60_000,
        "unanswered": number % 2,
        "approvals_pending": 1 if number == 1 else 0,
        "fallback": "none",
        "outcome": None,
        "closed_ms": None,
        "tool": None,
        "as_of_seq": 10,
    }


def approval_row(number: int, now_ms: int) -> Row:
    """One approval that waits."""
    row = handover_row(number, now_ms)
    ask = "Refund 49.00 EUR for order #20417 to the card ending 1234"
    changes = {"id": f"a{number}", "kind": "approval", "key": f"p{number}", "tool": "shop.refund", "ask": ask}
    return {**row, **changes, "clocks": {}, "due_ms": now_ms + 900_000, "reason": "policy", "approvals_pending": 1}


def packet(now_ms: int, remark: str = HOSTILE) -> Row:
    """A handover packet with a source for each sentence, and words that would like to be markup."""
    return {
        "schema_version": 1,
        "reason": "policy_risk",
        "detail": "the refund is above the limit of the AI",
        "ask": "A refund of 49.00 EUR to the card instead of a voucher",
        "summary": [
            {"text": "The customer returned a jacket, and the warehouse has it.", "cites": ["m1"]},
            {"text": "A voucher was offered and declined.", "cites": ["m2"]},
            {"text": "May the refund go to the card?", "cites": ["m3"], "section": "open"},
        ],
        "summary_is_machine_text": True,
        "decision_needed": "Whether the refund goes to the card",
        "suggested_step": "Look at the order, then answer the customer",
        "promises": ["An answer within ten minutes."],
        "transcript": [],
        "entity": "cust-8812",
        "customer": {"id": "cust-8812", "channel": "web", "language": "en", "tier": "gold"},
        "facts": {"order": "#20417", "amount": 49.0, "remark": remark},
        "known_facts": [
            {"name": "order", "value": "#20417", "source": "human_agent", "source_id": "kim"},
            {"name": "amount", "value": 49.0, "source": "human_agent"},
            {"name": "remark", "value": remark, "source": "human_agent"},
        ],
        "actions": [
            {
                "id": "t1",
                "tool": "shop.order",
                "arguments": {"order_id": "#20417"},
                "outcome": "completed",
                "result": {"total": 49.0, "state": "returned", "remark": remark},
                "asked_ms": now_ms - 200_000,
            },
            {
                "id": "t2",
                "tool": "shop.refund",
                "arguments": {"order_id": "#20417", "amount": 49.0},
                "outcome": "failed",
                "result": "denied: above the limit",
                "asked_ms": now_ms - 150_000,
            },
        ],
        "allowed_decisions": ["reply", "resolve", "return_to_ai"],
    }


def transcript(now_ms: int, remark: str = HOSTILE) -> list[Row]:
    """What was said before the handover."""
    said = (
        ("customer", "Hello, I sent my jacket back a week ago. Where is my money?"),
        ("ai", "The warehouse has it. I can give you a voucher of 49.00 EUR. Somebody answers within ten minutes."),
        ("customer", "No voucher please, I paid by card."),
        ("customer", remark),
    )
    return [
        line(f"m{number}", number, author, text, now_ms - 240_000 + number * 45_000)
        for number, (author, text) in enumerate(said, 1)
    ]


def line(id_: str, seq: int, author: str, text: str, at_ms: int, **more: object) -> Row:
    """One line of a transcript."""
    about = {"kind": "message", "author_id": None, "state": "sent", "turn_id": None, "epoch": 1, "notice": None}
    return {"id": id_, "seq": seq, "at_ms": at_ms, "author": author, "text": text, **about, **more}


def approval(row: Row, now_ms: int) -> Row:
    """What `GET /v1/approvals/{id}` answers; even numbers may be undone."""
    irreversible = int(row["id"][1:]) % 2 == 1
    return {
        "id": row["id"],
        "state": "pending",
        "kind": "tool_call",
        "node": "help",
        "ask": row["ask"],
        "tool": "shop.refund",
        "arguments": {"order_id": "#20417", "amount": 49.0, "method": "card", "address": {"city": "Ghent"}},
        "input_schema": REFUND,
        "arguments_hash": "0123456789abcdef",
        "policy": "refunds above 20 EUR need a person",
        "policy_version": "v1",
        "side_effect": "irreversible" if irreversible else "write",
        "on_expiry": "reject",
        "expires_ms": row["due_ms"],
        "verdict": None,
        "etag": '"a0123456789abcdef.v1"',
        "rejection_reasons": REJECTION_REASONS,
    }
