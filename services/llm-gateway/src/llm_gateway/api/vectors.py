"""How is a vector written as it was asked for, whatever its provider wrote?

OpenAI's clients ask for base64 unless told otherwise, and its Node client reads a list as an empty vector then."""

import base64
import struct

from pydantic import JsonValue

from llm_gateway.api.errors import ApiError, Refused


def as_asked(vector: JsonValue, encoding_format: JsonValue) -> JsonValue:
    """base64 holds little-endian 32-bit numbers, as OpenAI writes them. Raises Refused for what is no vector."""
    try:
        if encoding_format == "base64" and isinstance(vector, list):
            return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        if encoding_format != "base64" and isinstance(vector, str):
            content = base64.b64decode(vector, validate=True)
            return list(struct.unpack(f"<{len(content) // 4}f", content))
    except (ValueError, OverflowError, struct.error):
        pass
    else:
        if isinstance(vector, list | str):
            return vector
    raise Refused(
        ApiError(502, "the provider's vector is no list of numbers and no base64", "api_error", code="provider_error")
    )
