"""Which phrases speak to a model? Each pattern is tried where one of its words stands in the text (lower case).

Every repetition is bounded, so that no text takes long.
"""

import re

Guarded = tuple[tuple[str, ...], re.Pattern[str]]
_GAP = r"[\W_]{1,4}"
_ANY = r"[^.\n]"
_MODEL = r"(?:ai|a\.i\.|llms?|language models?|chat ?bots?|gpt|chatgpt|claude|gemini|copilot|(?:ai|virtual|llm)[ -](?:assistant|agent|model)s?)"


def _guarded(words: str, pattern: str) -> Guarded:
    return tuple(words.split("|")), re.compile(pattern)


PHRASES: dict[str, tuple[Guarded, ...]] = {
    "override": (
        _guarded(
            "ignor|disregard|forget|overrid|bypass|discard|neglect|stop follow|not follow|n't follow|set aside",
            r"\b(?:ignor(?:e|ing)|disregard|forget|overrid(?:e|ing)|bypass|discard|neglect|stop following|(?:not|n't) follow|set aside)\b"
            rf"{_ANY}{{0,30}}\b(?:previous(?:ly)?|prior|above|earlier|preceding|original|initial|existing|foregoing|system|safety|your|all|any|every|before)\b"
            rf"{_ANY}{{0,30}}\b(?:instructions?|prompts?|rules?|guidelines?|directives?|directions|commands?|context|polic(?:y|ies)|constraints?|restrictions?|training|programming|told)\b",
        ),
        _guarded("forget", rf"\bforget{_GAP}(?:about{_GAP})?(?:everything|all|anything){_ANY}{{0,20}}\b(?:above|before|told|said|know|learned)\b"),
        _guarded(
            "instruction|objective|directive|prompt",
            r"\b(?:new|updated|revised|real|actual|true)\s(?:system\s)?(?:instructions?|objectives?|directives?|prompt)\s?(?::|(?:is|are)\b)",
        ),
        _guarded(
            "you are now|from now on|jailbreak|developer mode|dan mode|unrestricted|no restrictions",
            r"\byou are now (?:an?|in|the|my|free|dan|no longer)\b|\bfrom now on,? (?:you|act|respond|answer|always|only)\b"
            r"|\bjailbr(?:eak|oken)\b|\b(?:developer|dan|god|debug|maintenance) mode (?:is )?(?:now )?(?:enabled|on|activated|active)\b"
            r"|\b(?:act|respond|behave) as an? (?:unrestricted|unfiltered|uncensored)\b|\byou have no restrictions\b",
        ),
        _guarded(
            "prompt|instructions",
            rf"\b(?:reveal|print|repeat|show|output|display|leak|disclose|quote|tell me|summari[sz]e)\b{_ANY}{{0,30}}\b(?:your|the) (?:entire |full |exact )?(?:system prompt|(?:initial|hidden|secret|original|system) (?:prompt|instructions))",
        ),
        _guarded(
            "anweisungen|instrucciones|instructions|istruzioni|instru\u00e7\u00f5es",
            r"\b(?:ignorier(?:e|en sie)|vergiss|missachte)\b.{0,30}\banweisungen\b|\b(?:ignora|ignore|olvida|olvide)\b.{0,30}\binstrucciones\b"
            r"|\b(?:ignor(?:e|ez)|oublie[rz]?)\b.{0,30}\binstructions (?:pr[eé]c[eé]dentes|ant[eé]rieures|ci-dessus)\b"
            r"|\b(?:ignora|dimentica)\b.{0,30}\bistruzioni\b|\bignore\b.{0,30}\binstru\u00e7\u00f5es\b",
        ),
    ),
    "addressed_to_model": (
        _guarded(
            "attention|note to|message to|message for|instructions to|instructions for|instruction to|instruction for|important|hey|dear|hello|hi ",
            rf"\b(?:attention|notes? (?:to|for)|message (?:to|for)|instructions? (?:to|for)|important|hey|dear|hello|hi)\b[\W_]{{0,4}}(?:for |to )?(?:the |all |any |every )?(?:{_MODEL}|assistant)\b",
        ),
        _guarded(
            "if you",
            rf"\bif you(?:'re| are| were)? (?:an? |the |reading this as an? )?(?:{_MODEL}|assistant|automated (?:agent|system|assistant)|bot)\b",
        ),
        _guarded("as an ", rf"\bas an? (?:{_MODEL}),? (?:you|your)\b"),
        _guarded(
            "must|should|shall|required|needs to|need to|has to",
            rf"\b(?:any|every|all|the|this)? ?{_MODEL}(?: (?:that|which|who) {_ANY}{{1,40}}| reading this| processing this| summari[sz]ing this)?,? (?:must|should|shall|is required to|are required to|needs? to|has to)\b",
        ),
        _guarded("assistant|ai", rf"\b(?:{_MODEL}|assistant)[:,] (?:you (?:must|should|will|are)|please|ignore|do not|call|send|issue|transfer|approve|execute)\b"),
    ),
    "role_marker": (
        _guarded(
            "<|",
            r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id|begin_of_text|channel|message|start|end)\|>",
        ),
        _guarded("inst]|<<sys|_of_turn>|<|begin", r"\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>"),
        _guarded("<system|</system|<assistant|</assistant", r"</?(?:system|assistant)(?:[-_ ](?:prompt|reminder|message|instructions?))?>"),
        _guarded("###", r"^#{3} ?(?:system|instructions?|response|assistant) ?(?:prompt|message)?:(?:\s|$)".replace("^", r"(?:^|\n)[ ]?")),
        _guarded(
            "system|developer|assistant",
            r"(?:^|\n)[ \[(*#>]{0,6}(?:system|developer|assistant|admin(?:istrator)?)(?: (?:message|prompt|note|override|update|notice|instruction))?[\])*]{0,3} ?:[ *]{0,4}"
            r"(?:you\b|from now|the user|ignore|forget|always|never|do not|don't|disregard|new |override|sure|i (?:will|have|must)|as an ai|all safety|call )",
        ),
    ),
    "tool_call_syntax": (
        _guarded("<tool|<function|<invoke|<|tool", r"<\|?(?:tool_calls?|tool_use|tool_code|function_calls?|function=|invoke name)[^>]{0,100}>?"),
        _guarded(
            "arguments|parameters|tool_input|action input",
            r"\"(?:name|tool|function|tool_name|action)\"\s{0,5}:\s{0,5}\"[^\"\n]{1,100}\"\s{0,5},\s{0,5}\"(?:arguments|parameters|tool_input|input|args)\"\s{0,5}:"
            r"|(?:^|\n) ?action:[^\n]{1,100}\n ?action input:",
        ),
    ),
    "secrecy": (
        _guarded(
            "user|customer|human|client|operator|anyone",
            r"\b(?:do not|don't|never|without) (?:tell|inform|mention|reveal|alert|notify|show|disclos|warn|ask)(?:e|ing)?\b"
            r"(?: (?:this|it|that|anything|any of this|about this|these instructions))?(?: to| with)? (?:the |your |any )?(?:user|human|operator|anyone)\b",
        ),
        _guarded(
            "instruction|this message|this note|this step",
            r"\b(?:do not|don't|never) (?:mention|reveal|disclose|repeat|show|acknowledge|discuss)\b.{0,15}\b(?:these|this|the above) (?:instructions?|message|note|step|prompt)\b",
        ),
        _guarded("secret", rf"\b(?:secretly|silently|covertly|quietly)\b{_ANY}{{0,20}}\b(?:send|call|forward|transfer|refund|add|execute|run|approve)\b"),
        _guarded("silently|covertly|quietly", rf"\b(?:silently|covertly|quietly) (?:send|call|forward|transfer|refund|approve|email)\b"),
    ),
    "exfiltration": (
        _guarded("](http", r"!?\[[^\]\n]{0,200}\]\(https?://[^)\s]{1,500}[?&/=](?:[^)\s]{0,200})(?:\{|%7b|<|\$\{|\[)[^)\n]{0,200}"),
        _guarded("<img", r"<img[^>]{1,300}src\s?=\s?.?https?://[^>\s]{1,300}(?:\{|%7b|\$\{|\[)"),
        _guarded(
            "http|@|webhook|url|endpoint",
            rf"\b(?:send|post|forward|e-?mail|upload|transmit|exfiltrate|leak|append|submit|copy|deliver)\b{_ANY}{{0,60}}"
            r"\b(?:the|all|this|any|their|user's|customer's|every|your|full|entire)\b[^.\n]{0,30}"
            r"\b(?:conversation|chat (?:history|log)|history|transcript|api[ _-]?keys?|passwords?|credentials|system prompt|secrets?|access tokens?|customer (?:data|records?|list)|personal data|card numbers?|order data|account details)\b"
            r"[^\n]{0,60}?(?:\bto\b|\bat\b|\bvia\b|->)[^\n]{0,40}?(?:https?://|[\w.+-]{1,64}@[\w-]|\bwebhook\b|\burl\b|\bendpoint\b)",
        ),
    ),
}  # fmt: skip
