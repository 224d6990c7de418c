"""Which generation of figures answers, which one is built beside it, and when does that take its place?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

FORMAT = 2
"""Of figures as they are counted now. It is raised when those of before lack something: they are counted anew then.
2: sums over what conversations come to, and sums by fewer dimensions. Each format has a document of its own, so that
replicas of another one never hear of these generations and count nothing into them."""
OTHERS_MS = 3_600_000
"""So long replicas of the format before may still answer from what was theirs."""
Stage = Literal["asked", "archive", "log", "held", "done"]
"""Asked for; counting closed logs; counting the log; counted, and held because figures would be lost; taken over."""


@dataclass(frozen=True, slots=True)
class Archived:
    """How far closed logs are counted: through the one of this name, and how many messages that were."""

    name: str = ""
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Build:
    """A generation that is built. It is compared by what was stored before `began_ms`, which ends at `log_through`."""

    number: int
    stage: Stage = "asked"
    accepts_losses: bool = False
    began_ms: int = 0
    archive_state: int = 0
    """Last write of the archive as the build began: another one means that logs were archived under its hands."""
    archived: Archived = Archived()
    log_through: int = 0
    counted_through: int = 0
    losses: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Generations:
    """`newest` was the last number that was given, so that none is given twice. `retired` ones are to be removed: each
    with the time since when nobody has asked it. `rebuilt` says of the last build that took over what it counted.
    `format` is that of the serving one."""

    serving: int = 1
    format: int = 1
    newest: int = 1
    building: Build | None = None
    retired: Mapping[int, int] = field(default_factory=dict)
    rebuilt: Build | None = None

    @property
    def counted(self) -> frozenset[int]:
        """Generations that the live log is counted into."""
        build = self.building
        return frozenset({self.serving} | ({build.number} if build and build.stage in ("log", "held") else set()))


def asked_for(known: Generations, *, accepts_losses: bool, number: int = 0) -> Generations:
    """With a build of at least this number; one that goes on already is taken, and its losses are accepted if they are
    now. A number that grows with time is new even where an earlier store was lost, whose consumers are still there."""
    if known.building is not None:
        accepts = known.building.accepts_losses or accepts_losses
        return replace(known, building=replace(known.building, accepts_losses=accepts))
    number = max(number, known.newest + 1)
    return replace(known, newest=number, building=Build(number, accepts_losses=accepts_losses))


def up_to_date(known: Generations, *, now_ms: int) -> Generations:
    """With a build where those that serve are of an older format."""
    return known if known.format >= FORMAT else asked_for(known, accepts_losses=False, number=now_ms // 1_000)


def given_up(known: Generations, *, now_ms: int) -> Generations:
    """Without the build."""
    if known.building is None:
        return known
    return replace(known, building=None, retired={**known.retired, known.building.number: now_ms})


def begun_anew(known: Generations, *, now_ms: int) -> Generations:
    """With another build in the place of one that cannot be trusted."""
    accepts = known.building is not None and known.building.accepts_losses
    return asked_for(given_up(known, now_ms=now_ms), accepts_losses=accepts)


def changed(known: Generations, build: Build) -> Generations:
    """With this state of its build."""
    assert known.building is not None and known.building.number == build.number, "another build"
    return replace(known, building=build)


def judged(known: Generations, build: Build, losses: Mapping[str, int], *, now_ms: int) -> Generations:
    """Taken over by a build that has counted everything, unless figures would be lost that nobody gave up."""
    told = replace(build, losses=losses)
    if losses and not build.accepts_losses:
        return changed(known, replace(told, stage="held"))
    retired = {**known.retired, known.serving: now_ms if known.format == FORMAT else now_ms + OTHERS_MS}
    rebuilt = replace(told, stage="done")
    return replace(known, serving=build.number, format=FORMAT, building=None, retired=retired, rebuilt=rebuilt)


def without(known: Generations, removed: int) -> Generations:
    """After a retired generation was removed."""
    return replace(known, retired={number: at for number, at in known.retired.items() if number != removed})


def losses_of(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """By how much each figure is lower than it was."""
    return {name: was - after.get(name, 0) for name, was in sorted(before.items()) if was > after.get(name, 0)}
