"""Which parts of a text are personal data, and how do they stay in the house?"""

from pii.detect import Finding, Kind, NameDetector, TextTooLong, detect
from pii.mask import Masker, MaskingFailed, StreamRestorer
from pii.redact import redact

__all__ = [
    "Finding",
    "Kind",
    "Masker",
    "MaskingFailed",
    "NameDetector",
    "StreamRestorer",
    "TextTooLong",
    "detect",
    "redact",
]
