"""How is personal data taken out of a text for good: for logs, spans and error texts?"""

from pii.detect import TEXT_CHARACTERS_MAX, detect


def redact(text: str) -> str:
    """The text with `[REDACTED_EMAIL]` and the like; what is too long to be searched is cut."""
    findings = detect(text[:TEXT_CHARACTERS_MAX])
    if not findings:
        return text[:TEXT_CHARACTERS_MAX]
    parts, at = [], 0
    for finding in findings:
        parts += [text[at : finding.start], f"[REDACTED_{finding.kind.upper()}]"]
        at = finding.end
    return "".join([*parts, text[at:TEXT_CHARACTERS_MAX]])
