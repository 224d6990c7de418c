"""How is a stack made of the stand-in?"""

from pathlib import Path

from hil.embedded.plan import StackPlan
from hil.embedded.services import Service, Surroundings
from hil.embedded.supervisor import RestartPolicy

REPOSITORY = Path(__file__).parents[3]
QUICK = RestartPolicy(delay_seconds_first=0.01, restarts_max=2, ready_timeout_seconds=20)


def plan_of(data_dir: Path, **environment: str) -> StackPlan:
    """NATS, Redis and one stand-in; quick to give up."""
    return StackPlan(
        data_dir=data_dir,
        services=(Service("stand_in", "tests.support.stand_in_service", _fields),),
        environment={"PYTHONPATH": str(REPOSITORY), **environment},
        restarts=QUICK,
    )


def _fields(around: Surroundings) -> dict[str, str]:
    return {"nats_url": around.nats_url, "http_port": str(around.http_port), "redis_url": around.redis_url}
