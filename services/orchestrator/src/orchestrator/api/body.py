"""Is the body of a request small enough and what was asked for?"""

from typing import TypeVar

from fastapi import HTTPException, Request
from pydantic import BaseModel, ValidationError

from contracts.catalogue import describe
from contracts.envelope import PAYLOAD_BYTES_MAX
from contracts.subjects import SubjectError, check_token

Body = TypeVar("Body", bound=BaseModel)


async def read_body(request: Request, kind: type[Body]) -> Body:
    """The body as `kind`; 413 above 256 KiB before it is read to its end, 422 with field, problem and value."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > PAYLOAD_BYTES_MAX:
            limit = f"the body is over the limit of {PAYLOAD_BYTES_MAX} bytes; send large content by reference"
            raise HTTPException(413, limit)
        chunks.append(chunk)
    try:
        return kind.model_validate_json(b"".join(chunks))
    except ValidationError as error:
        raise HTTPException(422, describe(error)) from error


def checked(token: str, what: str) -> str:
    """A tenant or key that may stand in a subject, else 422."""
    try:
        return check_token(token, what=what)
    except SubjectError as error:
        raise HTTPException(422, str(error)) from error
