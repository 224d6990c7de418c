"""What does a request say of where it comes from, and which token does it bring?"""

from urllib.parse import urlsplit

from starlette.requests import Request


def same_origin(request: Request, ours: str | None) -> bool:
    """Whether the browser says that its page is ours. Programs say nothing, and browsers always do."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    return origin == ours or urlsplit(origin).netloc == request.headers.get("host", "") != ""


def bearer_token(request: Request) -> str | None:
    """What `Authorization: Bearer …` holds. Another scheme holds no token, and no session helps it."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""
