"""What does an HTTP request get when something about it is wrong, or somebody was first?"""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from contracts.handovers import HandoverRefused
from contracts.subjects import SubjectError
from document_store import InvalidQuery
from hil_inbox.api.etags import PreconditionMissing, PreconditionUnreadable
from hil_inbox.domain.ownership import Stored
from service_kit.connection import Refused
from service_kit.errors import RetryLater

NOT_FOUND = frozenset({"unknown_conversation", "unknown_approval", "unknown_suggestion"})
UNPROCESSABLE = frozenset({"invalid_verdict", "invalid_transfer", "invalid_time"})


def add_error_answers(app: FastAPI) -> None:
    """Errors name the field, the value and the limit."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [
            {"field": ".".join(map(str, one["loc"])), "problem": one["msg"], "value": str(one.get("input"))[:80]}
            for one in error.errors()[:10]
        ]
        return JSONResponse({"error": "invalid_request", "problems": problems}, status_code=422)

    @app.exception_handler(InvalidQuery)
    @app.exception_handler(SubjectError)
    @app.exception_handler(PreconditionUnreadable)
    async def bad_value(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": "invalid_request", "detail": str(error)}, status_code=422)

    @app.exception_handler(PreconditionMissing)
    async def unseen(_: Request, __: Exception) -> JSONResponse:
        detail = "send If-Match with the etag of what you looked at"
        return JSONResponse({"error": "precondition_required", "detail": detail}, status_code=428)

    @app.exception_handler(RetryLater)
    @app.exception_handler(Refused)
    async def unavailable(_: Request, error: Exception) -> JSONResponse:
        body = {"error": "unavailable", "detail": str(error)}
        return JSONResponse(body, status_code=503, headers={"Retry-After": "1"})


def missing(what: str, name: str) -> JSONResponse:
    """404 with what was looked for."""
    return JSONResponse({"error": "not_found", "detail": f"{what} {name[:140]!r} does not exist"}, status_code=404)


def answered(stored: Stored, current: Mapping[str, object] | None) -> JSONResponse:
    """200 with the fact and its place in the log; 409, 404 or 422 with the refusal, which names who was first and shows
    the thing as it is now."""
    fact = stored.fact
    body = fact.model_dump(mode="json")
    if not isinstance(fact, HandoverRefused):
        return JSONResponse({"type": fact.route.type, "sequence": stored.sequence, **body})
    status = 404 if fact.reason in NOT_FOUND else 422 if fact.reason in UNPROCESSABLE else 409
    return JSONResponse({"error": fact.reason, **body, "current": current}, status_code=status)
