"""Which questions does this repository's `docs/` answer, and where?"""

QUESTIONS = {
    "How is a telephone number found without a country?": "pii.md",
    "What happens when Redis is gone?": "runbook.md",
    "Why are placeholders of personal values derived and not stored?": "decisions/0008-placeholders-are-derived.md",
    "how often is a message tried before it is a dead letter": "decisions/0006-retry-schedule-and-dead-letters.md",
    "similarity of questions in the response cache": "semantic-cache.md",
    "Which kinds of nodes may a workflow have?": "workflow-format.md",
    "What must I write to add another service?": "add-a-service.md",
    "Who owns a connection to a provider?": "decisions/0010-providers-are-called-over-connections-of-our-own.md",
    "wake timer of a conversation": "decisions/0003-one-wake-timer-per-key.md",
    "Where do lock files come from, a public registry?": "decisions/0007-lock-files-name-public-registries.md",
    "Can a published workflow version be rolled back?": "runbook.md",
    "What is a handover?": "glossary.md",
    "instructions hidden in what a tool returns": "untrusted-output.md",
    "gate rebuilt from the ledger": "decisions/0009-the-gate-is-rebuilt-from-the-ledger.md",
    "why not use the delivery of FastStream": "decisions/0005-own-consumer-instead-of-faststream-delivery.md",
    "names of persons by a spaCy model": "pii.md",
}
