"""What does an HTTP request get when something about it is wrong?"""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from document_store import InvalidQuery
from service_kit.errors import RetryLater


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
    async def bad_value(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": "invalid_request", "detail": str(error)}, status_code=422)

    @app.exception_handler(RetryLater)
    async def unavailable(_: Request, error: Exception) -> JSONResponse:
        body = {"error": "unavailable", "detail": str(error)}
        return JSONResponse(body, status_code=503, headers={"Retry-After": "1"})
