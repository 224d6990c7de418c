"""How is a refusal said in OpenAI's shape?"""

from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from llm_gateway.domain.call import NotCompleted
from llm_gateway.domain.failure import ErrorClass

_STATUS = {
    ErrorClass.TIMEOUT: 504,
    ErrorClass.RATE_LIMITED: 429,
    ErrorClass.PROVIDER_ERROR: 502,
    ErrorClass.PROVIDER_UNREACHABLE: 502,
    ErrorClass.INVALID_OUTPUT: 502,
    ErrorClass.BUDGET_EXCEEDED: 429,
    ErrorClass.UNPRICED_MODEL: 400,
    ErrorClass.UNKNOWN_PROFILE: 404,
    ErrorClass.CONTEXT_TOO_LONG: 400,
    ErrorClass.INVALID_REQUEST: 400,
    ErrorClass.CONTENT_FILTERED: 400,
    ErrorClass.NO_CANDIDATE: 400,
    ErrorClass.MASKING_FAILED: 400,  # Too long or too nested to be searched: asked again, it would be so again.
    ErrorClass.OVERLOADED: 503,
    ErrorClass.CANCELLED: 499,
}
# The names that OpenAI's clients know.
_CODES = {
    ErrorClass.UNKNOWN_PROFILE: "model_not_found",
    ErrorClass.CONTEXT_TOO_LONG: "context_length_exceeded",
    ErrorClass.RATE_LIMITED: "rate_limit_exceeded",
    ErrorClass.CONTENT_FILTERED: "content_filter",
}


@dataclass(frozen=True, slots=True)
class ApiError:
    """`message` names the field, the value, the limit and what to do."""

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None
    retry_after_seconds: float | None = None
    allow: str | None = None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Those that belong to it."""
        found = [] if self.allow is None else [(b"allow", self.allow.encode())]
        if self.retry_after_seconds is not None:
            found.append((b"retry-after", b"%d" % max(round(self.retry_after_seconds + 0.5), 1)))
        return found

    @property
    def body(self) -> bytes:
        """As OpenAI's clients read it."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return orjson.dumps({"error": error})


class Refused(Exception):
    """There will be no answer; `error` says why."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


class BadRequest(Refused):
    """The request is wrong; `error` says what and how to mend it."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(ApiError(400, f"{param}: {message}", param=param, code="invalid_value"))


def shown(value: JsonValue) -> str:
    """The beginning of a value, for a message."""
    return repr(value)[:60]


def error_of(made: NotCompleted) -> ApiError:
    """Why there is no answer."""
    failure = made.failure
    status, error_class = _STATUS[failure.error_class], failure.error_class
    kind = "invalid_request_error" if status in (400, 404) else "api_error"
    if error_class is ErrorClass.BUDGET_EXCEEDED:
        kind = "insufficient_quota"
    elif error_class is ErrorClass.RATE_LIMITED:
        kind = "rate_limit_error"
    retry_after = made.retry_after_seconds
    if retry_after is None and error_class in (ErrorClass.OVERLOADED, ErrorClass.RATE_LIMITED):
        retry_after = 1.0
    return ApiError(
        status=status,
        message=failure.detail,
        type=kind,
        code=_CODES.get(error_class, str(error_class)),
        retry_after_seconds=retry_after,
    )


GATE_CLOSED = ApiError(
    503,
    "the cost gate is closed: what is left of the budgets is not known now; ask again in a second",
    type="api_error",
    code="cost_gate_closed",
    retry_after_seconds=1.0,
)
