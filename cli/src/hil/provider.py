"""Has the user named a real model provider?"""

import os


def has_provider() -> bool:
    """True with an API key or the address of a provider in the environment; else models are replayed."""
    return bool(os.environ.get("OPENAI_API_KEY") or os.environ.get("LLM_GATEWAY_PROVIDER_URL"))
