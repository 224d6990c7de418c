"""Which phrases speak to a model? Each pattern is tried where one of its words stands in the text (lower case).

Every repetition is bounded, so that no text takes long.
"""

import re

Guarded = tuple[tuple[str, ...], re.Pattern[str]]
"""Some of these words must stand in a text before the pattern is tried."""


def _guarded(words: str, *pattern: str) -> Guarded:
    return tuple(words.split("|")), re.compile("".join(pattern))


def _any(words: str) -> str:
    """One of these, each between | and each a pattern of its own."""
    return f"(?:{words})"


_NEAR, _NEARER, _LINE_START = r"[^.\n]{0,30}", r"[^.,\n]{0,20}", r"(?:^|\n)[ \[(*#>]{0,6}"
_HELPER = _any("assistant|agent|model")
_MODEL = _any(
    r"ai|a\.i\.|llms?|language models?|chat ?bots?|gpt|chatgpt|claude|gemini|copilot"
    rf"|(?:ai|virtual|llm)[ -]{_HELPER}s?"
)
_SET_ASIDE = _any(
    "ignor(?:e|ing)|disregard|(?<!not )(?<!n't )forget|overrid(?:e|ing)|bypass|discard|neglect"
    "|stop following|(?:not|n't) follow|set aside"
)
_EARLIER = _any(
    "previous(?:ly)?|prior|above|earlier|preceding|original|initial|existing|foregoing|system|safety|your|all|any|every"
    "|before"
)
_INSTRUCTIONS = _any(
    "instructions?|prompts?|rules?|guidelines?|directives?|directions|commands?|context|polic(?:y|ies)|constraints?"
    "|restrictions?|training|programming|told"
)
_SYSTEM_PROMPT = (
    "(?:entire |full |exact )?(?:system prompt|(?:initial|hidden|secret|original|system) (?:prompt|instructions))"
)
_MUST = _any("must|should|shall|is required to|are required to|needs? to|has to")
_ACT = _any("you (?:must|should|will|are)|please|ignore|do not|call|send|issue|transfer|approve|execute")
_SEND = _any("send|post|forward|e-?mail|upload|transmit|exfiltrate|leak|append|submit|copy|deliver")
_PRIVATE = _any(
    "conversation|chat (?:history|log)|history|transcript|api[ _-]?keys?|passwords?|credentials|system prompt|secrets?"
    "|access tokens?|customer (?:data|records?|list)|personal data|card numbers?|order data|account details"
)
_WHOSE = _any("the|all|this|any|their|user's|customer's|every|your|full|entire")
_ADDRESS = r"(?:https?://|[\w.+-]{1,64}@[\w-]|\bwebhook\b|\burl\b|\bendpoint\b)"
_QUIETLY = _any("silently|covertly|quietly|secretly")
_PERSON = _any("user|human|operator|anyone about")

PHRASES: dict[str, tuple[Guarded, ...]] = {
    "override": (
        _guarded(
            "ignor|disregard|forget|overrid|bypass|discard|neglect|stop follow|not follow|n't follow|set aside",
            rf"\b{_SET_ASIDE}\b{_NEAR}\b(?:{_EARLIER}\b[^.,\n]{{0,30}}\b{_INSTRUCTIONS}\b",
            rf"|{_INSTRUCTIONS}{_NEARER}\babove\b)",
            rf"|\bforget[\W_]{{1,4}}(?:about )?(?:everything|all|anything)\b{_NEARER}",
            r"\b(?:above|before|told|said|know)\b",
        ),
        _guarded(
            "instruction|objective|directive|prompt",
            r"\b(?:new|updated|revised|real|actual|true)\s(?:system\s)?(?:instructions?|objectives?|directives?|prompt)",
            r"\s?(?::|(?:is|are)\b)",
        ),
        _guarded(
            "you are now|from now on|jailbr|mode|unrestricted|unfiltered|uncensored|no restrictions|pretend ",
            r"\byou are now (?:an?|in|the|my|free|dan|no longer)\b",
            r"|\bfrom now on,? (?:you|act|respond|answer|always|only)\b|\bjailbr(?:eak|oken)\b",
            r"|\b(?:developer|dan|god|debug|maintenance) mode (?:is )?(?:now )?(?:enabled|on|activated|active)\b",
            r"|\b(?:act|respond|behave) as an? (?:unrestricted|unfiltered|uncensored)\b|\byou have no restrictions\b",
            r"|\bpretend (?:that )?(?:you are|you're|to be)\b",
        ),
        _guarded(
            "prompt|instructions",
            rf"\b(?:reveal|print|repeat|show|output|display|leak|disclose|quote|tell me|summari[sz]e)\b{_NEAR}",
            rf"\b(?:your|the) {_SYSTEM_PROMPT}|\byour {_SYSTEM_PROMPT}",
        ),
        _guarded(
            "anweisungen|instrucciones|instructions|istruzioni|instruções",
            r"\b(?:ignorier(?:e|en sie)|vergiss|missachte)\b.{0,30}\banweisungen\b",
            r"|\b(?:ignora|ignore|olvida|olvide)\b.{0,30}\binstrucciones\b",
            r"|\b(?:ignor(?:e|ez)|oublie[rz]?)\b.{0,30}\binstructions (?:pr[eé]c[eé]dentes|ant[eé]rieures|ci-dessus)\b",
            r"|\b(?:ignora|dimentica)\b.{0,30}\bistruzioni\b|\bignore\b.{0,30}\binstruções\b",
        ),
    ),
    "addressed_to_model": (
        _guarded(
            "attention|note|message|instruction|important|hey|dear|hello|hi ",
            r"\b(?:attention|(?:notes?|message|instructions?) (?:to|for)|important|hey|dear|hello|hi)\b",
            rf"[\W_]{{0,4}}(?:for |to )?(?:the |all |any |every )?(?:{_MODEL}|assistant)\b",
        ),
        _guarded(
            "if you",
            r"\bif you(?:'re| are| were)? (?:an? |the |reading this as an? )?",
            rf"(?:{_MODEL}|assistant|automated (?:agent|system|assistant)|bot)\b",
        ),
        _guarded(
            "before |when ",
            r"\bbefore (?:answering|responding|you (?:answer|respond|reply))\b",
            r"|\bwhen (?:summari[sz]|read|process|analy[sz])ing this",
            r" (?:page|text|document|e-?mail|message|review|article|ticket)\b",
        ),
        _guarded("as an ", rf"\bas an? {_MODEL},? (?:you|your)\b"),
        _guarded(
            "must|should|shall|required|needs to|need to|has to",
            rf"\b{_MODEL}(?: (?:that|which|who) [^.\n]{{1,40}}| (?:reading|processing|summari[sz]ing) this)?,?",
            rf" {_MUST}\b",
        ),
        _guarded("assistant|ai|bot|llm|model", rf"\b(?:{_MODEL}|assistant)[:,] {_ACT}\b"),
    ),
    "role_marker": (
        _guarded(
            "<|",
            r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id",
            r"|begin_of_text|channel|message|start|end)\|>",
        ),
        _guarded("inst]|sys>>|_of_turn>", r"\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>"),
        _guarded(
            "<system|</system|<assistant|</assistant",
            r"</?(?:system|assistant)(?:[-_ ](?:prompt|reminder|message|instructions?))?>",
        ),
        _guarded("###", r"(?:^|\n) ?### ?(?:system|instructions?|response|assistant) ?(?:prompt|message)?:(?:\s|$)"),
        _guarded('"role"', r"\"role\"\s{0,5}:\s{0,5}\"(?:system|developer)\""),
        _guarded(
            "system|developer|assistant|admin",
            _LINE_START + r"(?:system|developer|assistant|admin(?:istrator)?)",
            r"(?: (?:message|prompt|note|override|update|notice|instruction))?[\])*]{0,3} ?:[ *]{0,4}",
            r"(?:you\b|from now|the user|ignore|forget|always|never|do not|don't|disregard|override|sure",
            r"|new (?:rule|instruction|order from)",
            r"|i (?:will|have|must)|as an ai|all safety|call )",
        ),
    ),
    "tool_call_syntax": (
        _guarded(
            "<tool|<function|<invoke|<|tool|assistant to=",
            r"\bassistant to=[a-z]|<\|?(?:tool_calls?|tool_use|tool_code|function_calls?|function=|invoke name)",
        ),
        _guarded(
            'arguments|parameters|tool_input|action input|"input"|"args"',
            r"\"(?:name|tool|function|tool_name|action)\"\s{0,5}:\s{0,5}\"[^\"\n]{1,100}\"\s{0,5},\s{0,5}",
            r"\"(?:arguments|parameters|tool_input|input|args)\"\s{0,5}:",
            r"|(?:^|\n) ?action:[^\n]{1,100}\n ?action input:",
        ),
    ),
    "secrecy": (
        _guarded(
            "user|human|operator|anyone|let the",
            r"\b(?:do not|don't|never|without)",
            r" (?:tell|inform|mention|reveal|alert|notify|show|disclos|warn|ask)(?:e|ing)?\b",
            r"(?: (?:this|it|that|anything|any of this|about this|these instructions))?(?: to| with)?",
            rf" (?:the |your |any )?{_PERSON}\b|\b(?:not|never|n't) let the (?:user|customer|human) know\b",
        ),
        _guarded(
            "instruction|this message|this note|this step|prompt",
            r"\b(?:do not|don't|never) (?:mention|reveal|disclose|repeat|show|acknowledge|discuss)\b.{0,15}",
            r"\b(?:these|this|the above) (?:instructions?|message|note|step|prompt)\b",
        ),
        _guarded(
            "silently|covertly|quietly|secretly",
            rf"\b{_QUIETLY} (?:send|call|forward|transfer|refund|approve|add|execute|run|email)\b",
        ),
    ),
    "exfiltration": (
        _guarded("](http", r"\]\(https?://(?:[^()\s{<%]|%(?!7b)){1,400}+(?:\{|%7b|<)"),
        _guarded("<img", r"<img[^>]{1,100}?src\s?=\s?.?https?://(?:[^>\s{%]|%(?!7b)){1,300}+(?:\{|%7b)"),
        _guarded(
            "http|@|webhook|url|endpoint",
            rf"\b{_SEND}\b[^.\n]{{0,60}}\b{_WHOSE}\b{_NEAR}\b{_PRIVATE}\b",
            rf"[^\n]{{0,60}}?(?:\bto\b|\bat\b|\bvia\b|->)[^\n]{{0,40}}?{_ADDRESS}",
        ),
    ),
}
