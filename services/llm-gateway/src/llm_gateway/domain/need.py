"""What must a model be able to do to take a request?"""

from llm_gateway.domain.chat_body import Body
from llm_gateway.domain.models import ModelKind
from llm_gateway.domain.route_model import Need


def need_of(body: Body, kind: ModelKind = ModelKind.CHAT, *, tokens_input: int, output_tokens_max: int | None) -> Need:
    """Read off the request itself."""
    response_format = body.get("response_format")
    return Need(
        tokens_input=tokens_input,
        tokens_output_max=output_tokens_max,
        tools=bool(body.get("tools")),
        json_schema=isinstance(response_format, dict) and response_format.get("type") == "json_schema",
        vision=_has_image(body),
        kind=kind,
    )


def _has_image(body: Body) -> bool:
    messages = body.get("messages")
    contents = (
        [message.get("content") for message in messages if isinstance(message, dict)]
        if isinstance(messages, list)
        else []
    )
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(isinstance(part, dict) and part.get("type") == "image_url" for part in parts)
