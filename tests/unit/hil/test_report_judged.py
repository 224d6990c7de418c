"""Does a report find what belongs to its period, however much is newer, and say what it leaves out?"""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from hil.report.ask_judged import judged_tables
from hil.report.contents import Period, Row, Table
from hil.report.judged import Answer

PERIOD = Period(60_000, 120_000, "minute")
BEFORE, IN, AFTER = 59_999, 60_000, 120_000


def evaluation(finished_ms: int) -> Row:
    return {
        "suite": "s",
        "workflow": "w",
        "version": "1",
        "replayed": True,
        "verdict": "not_judged",
        "trials": 8,
        "finished_ms": finished_ms,
        "figures": {"pass_rate": 0.5},
    }


def experiment(name: str, workflow: str = "w") -> Row:
    return {"tenant": "acme", "name": name, "workflow": workflow, "started_ms": IN, "stopped_ms": None}


class Analytics:
    """Evaluations in pages, whose cursor is their number, and experiments; nothing else is known to it."""

    def __init__(self, pages: Sequence[Sequence[int]] = (), experiments: Sequence[Row] | None = None) -> None:
        self.pages, self.experiments, self.asked = pages, experiments, list[str]()

    async def ask(self, path: str) -> Answer | None:
        self.asked.append(path)
        parts = urlsplit(path)
        if parts.path == "/v1/evaluations" and self.pages:
            number = int(parse_qs(parts.query).get("cursor", ["0"])[0])
            following = str(number + 1) if number + 1 < len(self.pages) else None
            return {"evaluations": [evaluation(ms) for ms in self.pages[number]], "next_cursor": following}  # type: ignore[dict-item]
        if parts.path == "/v1/experiments" and self.experiments is not None:
            return {"experiments": self.experiments}  # type: ignore[dict-item]
        if parts.path.startswith("/v1/experiments/"):
            told = {"verdict": "pass", "reasons": [{"text": "better"}]}
            return {"experiment": experiment(parts.path.rsplit("/", 1)[1]), "report": told}  # type: ignore[dict-item]
        return None

    async def tables(self, filters: Mapping[str, str] | None = None) -> list[Table]:
        return [table async for table in judged_tables(self.ask, PERIOD, filters or {})]

    async def evaluations(self) -> Table:
        return (await self.tables())[-1]


async def test_evaluations_are_those_that_ended_in_the_period() -> None:
    [told] = (await Analytics([(AFTER, IN, BEFORE)]).evaluations()).rows
    assert told == ("s (replayed model)", "w 1", "1970-01-01 00:01", "not judged", "8", "50.0 %", "–", "–")


async def test_evaluations_are_looked_for_behind_newer_ones_until_all_are_older() -> None:
    pages = [(AFTER, AFTER), (AFTER, BEFORE), (BEFORE, IN), (BEFORE, BEFORE), (IN,)]
    analytics = Analytics(pages)
    found = await analytics.evaluations()
    assert (len(found.rows), found.note) == (1, "")
    assert [path.partition("cursor=")[2] for path in analytics.asked if "/evaluations" in path] == ["", "1", "2", "3"]


async def test_evaluations_that_are_left_out_or_not_looked_for_are_told() -> None:
    many = await Analytics([(IN,) * 150, (IN,) * 51, (IN,)]).evaluations()
    assert (len(many.rows), many.note) == (200, "The newest 200.")
    just_all = await Analytics([(IN,) * 150, (IN,) * 50]).evaluations()
    assert (len(just_all.rows), just_all.note) == (200, "")
    far = await Analytics([(AFTER,)] * 51).evaluations()
    assert (far.rows, far.note) == ((), "Of the newest 10,000 alone.")


async def test_experiments_beyond_the_limits_are_told() -> None:
    [found, _] = await Analytics(experiments=[experiment(str(number)) for number in range(20)]).tables()
    assert (len(found.rows), found.note) == (20, "")
    told = "At most 20, of the 200 that were started last."
    [found, _] = await Analytics(experiments=[experiment(str(number)) for number in range(21)]).tables()
    assert (len(found.rows), found.note) == (20, told)
    others = [experiment(str(number), "other") for number in range(199)]
    [found, _] = await Analytics(experiments=[experiment("a"), *others]).tables({"workflow": "w"})
    assert (len(found.rows), found.note) == (1, told)


async def test_a_service_of_before_these_has_none() -> None:
    [evaluations] = await Analytics().tables()
    assert (evaluations.rows, evaluations.note) == ((), "")
