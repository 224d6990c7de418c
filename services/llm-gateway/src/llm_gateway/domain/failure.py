"""In which ways can a completion fail, and can another attempt of the node help?"""

from dataclasses import dataclass
from enum import StrEnum


class ErrorClass(StrEnum):
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    PROVIDER_ERROR = "provider_error"
    PROVIDER_UNREACHABLE = "provider_unreachable"
    INVALID_OUTPUT = "invalid_output"
    BUDGET_EXCEEDED = "budget_exceeded"
    UNPRICED_MODEL = "unpriced_model"
    UNKNOWN_PROFILE = "unknown_profile"
    CONTEXT_TOO_LONG = "context_too_long"
    INVALID_REQUEST = "invalid_request"
    CONTENT_FILTERED = "content_filtered"
    NO_CANDIDATE = "no_candidate"
    MASKING_FAILED = "masking_failed"
    OVERLOADED = "overloaded"
    CANCELLED = "cancelled"


_RETRYABLE = frozenset(
    {
        ErrorClass.TIMEOUT,
        ErrorClass.RATE_LIMITED,
        ErrorClass.PROVIDER_ERROR,
        ErrorClass.PROVIDER_UNREACHABLE,
        ErrorClass.INVALID_OUTPUT,
        ErrorClass.OVERLOADED,
    }
)


@dataclass(frozen=True, slots=True)
class Failure:
    """`detail` names the thing, the value and the limit; never a prompt or an answer."""

    error_class: ErrorClass
    detail: str

    @property
    def retryable(self) -> bool:
        return self.error_class in _RETRYABLE
