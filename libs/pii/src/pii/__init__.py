"""Which parts of a text are personal data, and how do they stay in the house?"""

from pii.by_schema import mask_by_schema
from pii.detect import TextTooLong, detect
from pii.find_numbers import DEFAULT_REGIONS
from pii.findings import Finding, Kind, NameDetector
from pii.mask import Masker, MaskingFailed, StreamRestorer
from pii.names import names_by
from pii.placeholders import placeholders_in, put_back
from pii.redact import redact
from pii.regions import checked_regions, regions_from

__all__ = [
    "DEFAULT_REGIONS",
    "Finding",
    "Kind",
    "Masker",
    "MaskingFailed",
    "NameDetector",
    "StreamRestorer",
    "TextTooLong",
    "checked_regions",
    "detect",
    "mask_by_schema",
    "names_by",
    "placeholders_in",
    "put_back",
    "redact",
    "regions_from",
]
