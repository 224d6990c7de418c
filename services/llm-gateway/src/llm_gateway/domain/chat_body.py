"""What is sent to a provider?"""

import json
from collections.abc import Mapping

from pydantic import JsonValue

from contracts.completions import PromptMessage
from llm_gateway.domain.prompt import Prompt
from llm_gateway.domain.tool_names import OfferedTools, offered_name

Body = dict[str, JsonValue]


def shared_body(
    prompt: Prompt, offered: OfferedTools, *, output_schema: Mapping[str, JsonValue] | None, temperature: float | None
) -> Body:
    """The part of the request that is the same for every model."""
    names = {tool.name: name for name, tool in offered.by_offered_name.items()}
    body: Body = {"messages": [_message(message, names) for message in prompt]}
    if offered.by_offered_name:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": name, "description": tool.description, "parameters": tool.input_schema},
            }
            for name, tool in offered.by_offered_name.items()
        ]
    if output_schema is not None:
        schema: Body = {"name": "output", "schema": dict(output_schema), "strict": False}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body if temperature is None else {**body, "temperature": temperature}


def with_repair(shared: Body, *, said: str, problem: str) -> Body:
    """The same request once more, with the bad answer and what was wrong with it."""
    messages = shared["messages"]
    assert isinstance(messages, list)
    complaint = f"Your answer cannot be used: {problem}. Answer again, correctly and with nothing else."
    more: list[JsonValue] = [
        {"role": "assistant", "content": said or "(no text)"},
        {"role": "user", "content": complaint},
    ]
    return {**shared, "messages": [*messages, *more]}


def _message(message: PromptMessage, names: Mapping[str, str]) -> Body:
    body: Body = {"role": message.role, "content": message.content}
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call.tool_call_id,
                "type": "function",
                "function": {
                    "name": names.get(call.tool, offered_name(call.tool)),
                    "arguments": json.dumps(call.arguments, ensure_ascii=False),
                },
            }
            for call in message.tool_calls
        ]
    return body
