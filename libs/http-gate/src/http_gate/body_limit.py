"""How much may a request's body hold before it is read into memory?"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX = 512 * 1024
"""A reply of 65,536 characters of four bytes each, and its JSON around it."""


class BodyTooLarge(Exception):
    """The body went on past the limit."""


class BodyLimit:
    """Answers 413 to a body over the limit, declared or sent in chunks."""

    def __init__(self, app: ASGIApp, *, bytes_max: int = BODY_BYTES_MAX) -> None:
        self._app, self._bytes_max = app, bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._bytes_max:
            return await _refuse(send, self._bytes_max)
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._bytes_max:
                raise BodyTooLarge
            return message

        try:
            await self._app(scope, counted, send)
        except BodyTooLarge:
            await _refuse(send, self._bytes_max)


async def _refuse(send: Send, bytes_max: int) -> None:
    text = f'{{"error":"body_too_large","detail":"the body is over the limit of {bytes_max} bytes"}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text})
