"""Does analytics stand whatever its OpenAPI document allows, and any question at all?"""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case

from analytics.app import serve
from analytics.domain.metric_catalogue import DIMENSIONS, METRICS, names_of
from tests.integration.analytics.test_figures import counted, end, settings_for
from tests.support.handovers import opened, put
from tests.support.kit import kit
from tests.support.running_service import running_service
from tests.support.start_servers import NatsServer

EXAMINED = settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
NAMES = st.sampled_from(sorted({name for family in METRICS for name in names_of(family)})) | st.text(max_size=12)
BY = st.sampled_from(sorted({name for names in DIMENSIONS.values() for name in names})) | st.text(max_size=12)
TIMES = st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()) | st.text(max_size=30)
QUESTIONS = st.fixed_dictionaries(
    {"figures": st.sampled_from(sorted(METRICS)), "metrics": st.lists(NAMES, min_size=1, max_size=3)},
    optional={
        "dimensions": st.lists(BY, max_size=2),
        "filters": st.dictionaries(BY, st.lists(st.text(max_size=9), max_size=3), max_size=2),
        "from": TIMES,
        "to": TIMES,
        "bucket": st.sampled_from(["minute", "hour", "day", None]),
        "order_by": NAMES,
        "limit": st.integers(-1, 20_000),
    },
)


async def test_nothing_that_the_document_allows_and_no_question_makes_the_service_fail(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    service = settings_for(nats_server, f"sqlite:///{tmp_path}/analytics.sqlite3")
    served = running_service(lambda stop, ready: serve(service, stop=stop, ready=ready), service.http_port)
    async with kit(nats_server.url) as connection, served as session:
        await end(connection, range(20))
        await counted(session, await put(connection, opened("h1"), "c1"))
        async with session.get("/openapi.json") as response:
            document = await response.json()
        base = f"http://127.0.0.1:{service.http_port}"
        statuses = await asyncio.to_thread(ask_all, document, base)
        answers = await asyncio.to_thread(ask_questions, f"{base}/v1/query")
    assert {operation: found for operation, found in statuses.items() if any(one >= 500 for one in found)} == {}
    assert len(statuses) >= 6
    assert set(answers) == {200, 422}


def ask_all(document: dict[str, Any], base: str) -> dict[str, Counter[int]]:
    """Statuses by operation."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = base
    statuses: dict[str, Counter[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        ask_one(operation, statuses.setdefault(operation.label, Counter()))
    return statuses


def ask_one(operation: Any, told: Counter[int]) -> None:
    @EXAMINED
    @given(case=operation.as_strategy())
    def ask(case: Case) -> None:
        told[case.call().status_code] += 1

    ask()


def ask_questions(address: str) -> Counter[int]:
    """Statuses of questions whose words are mostly real."""
    told: Counter[int] = Counter()

    @settings(EXAMINED, max_examples=150)
    @given(asked=QUESTIONS)
    def ask(asked: dict[str, object]) -> None:
        told[requests.post(address, json=asked, timeout=30).status_code] += 1

    ask()
    return told
