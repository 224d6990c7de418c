"""How is what a conversation was worth kept among its moments, and read again?

A moment keeps its earliest time, so what is told twice is one moment, whenever and in whatever order it comes. Names:
`kpi.<id>.<name>.<currency>.<millionths>`, `served.<workflow>/<version>` from the start of the first execution,
`rated.<rating>`, and `exposed.<experiment>.<version>`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from contracts.envelope import LogEntry
from contracts.executions import ExecutionFinished
from contracts.experiments import ExperimentExposed
from contracts.kpis import MICROS_MAX, REVENUE, SALE_COMPLETED, KpiRecorded

MICRO = 1_000_000
CURRENCY_DEFAULT = "USD"


@dataclass(frozen=True, slots=True)
class Kpi:
    """One business event. `currency` is '' where it is no money."""

    at_ms: int
    name: str
    currency: str
    micros: int


@dataclass(frozen=True, slots=True, order=True)
class Exposure:
    """A conversation came to this version in an experiment."""

    at_ms: int
    experiment: str
    version: str


def exposure_moment(message: ExperimentExposed) -> str:
    """The name of its moment."""
    return f"exposed.{message.experiment}.{message.version}"


def exposures_in(moments: Mapping[str, int]) -> tuple[Exposure, ...]:
    """The first one in each experiment."""
    found: dict[str, Exposure] = {}
    for name, at_ms in moments.items():
        if name.startswith("exposed."):
            _, experiment, version = name.split(".", 2)
            exposure = Exposure(at_ms, experiment, version)
            found[experiment] = min(exposure, found.get(experiment, exposure))
    return tuple(found.values())


def first_rating(moments: Mapping[str, int]) -> tuple[int, int] | None:
    """When, and 1 to 5: of several the first one counts."""
    rated = ((at_ms, int(name.removeprefix("rated."))) for name, at_ms in moments.items() if name.startswith("rated."))
    return min(rated, default=None)


def moment_of(message: KpiRecorded) -> str:
    """The name of its moment."""
    return f"kpi.{message.kpi_id}.{message.name}.{message.currency or ''}.{message.value_micros}"


def moments_of(entry: LogEntry, message: ExecutionFinished, *, workflow: str, version: str) -> dict[str, int]:
    """Which version served the conversation since when, and the sale that an execution completed, if it did. A shadow
    serves nobody and sells nothing."""
    if message.stage == "shadow":
        return {}
    moments = {f"served.{workflow}/{version}": message.started_ms}
    micros = _order_value(message) if message.outcome == SALE_COMPLETED else None
    if micros is not None:
        # No `kpi_id` of a client begins with @.
        moments[f"kpi.@{message.execution_id or ''}.{REVENUE}.{_currency(message)}.{micros}"] = entry.timestamp_ms
    return moments


def kpis_in(moments: Mapping[str, int]) -> tuple[Kpi, ...]:
    """The business events of a conversation in the order of their times; of one id, the first."""
    found: dict[str, Kpi] = {}
    for at_ms, name in sorted((at_ms, name) for name, at_ms in moments.items() if name.startswith("kpi.")):
        id_, kpi, currency, micros = name.removeprefix("kpi.").rsplit(".", 3)
        found.setdefault(id_, Kpi(at_ms, kpi, currency, int(micros)))
    return tuple(found.values())


def served_by(moments: Mapping[str, int], at_ms: int) -> tuple[str, str] | None:
    """Workflow and version that began last before this time; the first one of all where none had; None for none."""
    began = sorted(_served(moments))
    if not began:
        return None
    before = [name for since_ms, name in began if since_ms <= at_ms]
    workflow, _, version = (before[-1] if before else began[0][1]).partition("/")
    return workflow, version


def _served(moments: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    for name, since_ms in moments.items():
        if name.startswith("served."):
            yield since_ms, name.removeprefix("served.")


def _order_value(message: ExecutionFinished) -> int | None:
    """In millionths; None where it is no amount of money that can be booked."""
    told = message.metadata.get("order_value")
    if told is None or isinstance(told, bool):
        return None
    try:
        micros = Decimal(str(told)) * MICRO
    except InvalidOperation:
        return None
    is_amount = micros.is_finite() and abs(micros) <= MICROS_MAX
    return int(micros.to_integral_value()) if is_amount else None


def _currency(message: ExecutionFinished) -> str:
    """What the sink says, if it is a currency; else US dollars, as all money of executions is."""
    told = message.metadata.get("currency")
    is_currency = isinstance(told, str) and len(told) == 3 and told.isascii() and told.isupper()
    return str(told) if is_currency else CURRENCY_DEFAULT
