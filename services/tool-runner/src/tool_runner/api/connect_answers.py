"""What does a request about an account get to see? Never a token, a key, a code or a state that it came with."""

from datetime import UTC, datetime

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from document_store import InvalidQuery
from service_kit.errors import RetryLater
from tool_runner.domain.accounts import Connection

BODY_BYTES_MAX = 32 * 1024
KEY_CHARACTERS_MAX = 16_384
UNSEEN = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}
"""Addresses of this API hold codes and states: they go into no cache and no referrer."""


class KeyBody(BaseModel):
    """A static key; it is never repeated, not even in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    key: SecretStr = Field(min_length=1, max_length=KEY_CHARACTERS_MAX)


def said(connection: Connection) -> dict[str, object]:
    """What everybody may know of an account."""
    expires_at_ms = connection.expires_at_ms
    return {
        "app": connection.account.app,
        "entity": connection.account.entity,
        "state": connection.state.value,
        "reason": connection.reason or None,
        "scopes": list(connection.scopes),
        "connected_at": time_of(connection.connected_at_ms),
        "expires_at": None if expires_at_ms is None else time_of(expires_at_ms),
    }


async def read_key(request: Request) -> SecretStr:
    """The static key in the body. Raises HTTPException, whose text does not repeat it."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise HTTPException(413, f"the body is over the limit of {BODY_BYTES_MAX} bytes")
        parts.append(part)
    try:
        key = KeyBody.model_validate_json(b"".join(parts)).key
    except ValidationError:
        raise HTTPException(422, f'body: must be {{"key": "1 to {KEY_CHARACTERS_MAX} characters"}}') from None
    if not all("\x21" <= character <= "\x7e" for character in key.get_secret_value()):
        raise HTTPException(422, "key: must have visible ASCII characters alone, since it goes into a header")
    return key


def add_error_answers(app: FastAPI) -> None:
    """Errors name the field and the rule, and never repeat a value."""

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": "refused", "detail": error.detail}, error.status_code, headers=UNSEEN)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [{"field": str(one["loc"][-1]), "problem": one["msg"]} for one in error.errors()[:10]]
        return JSONResponse({"error": "invalid_request", "problems": problems}, 422, headers=UNSEEN)

    @app.exception_handler(InvalidQuery)
    async def bad_cursor(_: Request, error: InvalidQuery) -> JSONResponse:
        return JSONResponse({"error": "invalid_request", "detail": str(error)}, 422, headers=UNSEEN)

    @app.exception_handler(RetryLater)
    async def unavailable(_: Request, error: RetryLater) -> JSONResponse:
        body = {"error": "unavailable", "detail": str(error)}
        return JSONResponse(body, 503, headers={**UNSEEN, "retry-after": "1"})


def time_of(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat(timespec="seconds")
