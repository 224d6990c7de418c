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
from analytics.settings import Settings
from hil.embedded.ports import free_port
from tests.integration.analytics.test_figures import counted, end, settings_for
from tests.support.analytics_token import give_token
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
    service = Settings(
        nats_url=nats_server.url, store_url=f"sqlite:///{tmp_path}/analytics.sqlite3", http_port=free_port(),
        log_level="error",
    )  # fmt: skip
    token = await give_token(service.store_url)
    served = running_service(lambda stop, ready: serve(service, stop=stop, ready=ready), service.http_port)
    async with kit(nats_server.url) as connection, served as session:
        session.headers["Authorization"] = f"Bearer {token}"
        await end(connection, range(20))
        await counted(session, await put(connection, opened("h1"), "c1"))
        async with session.get("/openapi.json") as response:
            document = await response.json()
        base = f"http://127.0.0.1:{service.http_port}"
        headers = {"Authorization": f"Bearer {token}"}
        statuses = await asyncio.to_thread(ask_all, document, base, headers)
        closed = await asyncio.to_thread(ask_all, document, base, {})
        answers = await asyncio.to_thread(ask_questions, f"{base}/v1/query", headers)
    assert {operation: found for operation, found in statuses.items() if any(one >= 500 for one in found)} == {}
    assert len(statuses) >= 14
    assert {status for found in closed.values() for status in found} <= {401, 429}
    assert {200, 422} <= set(answers) <= {200, 403, 422}


async def test_the_document_names_the_role_of_each_route_and_shows_an_example_of_each_body(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    service = settings_for(nats_server, f"sqlite:///{tmp_path}/analytics.sqlite3")
    served = running_service(lambda stop, ready: serve(service, stop=stop, ready=ready), service.http_port)
    async with kit(nats_server.url), served as session, session.get("/openapi.json") as response:
        document = await response.json()
    [scheme] = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    operations = {
        f"{method} {path}": operation for path, one in document["paths"].items() for method, operation in one.items()
    }
    roles = {
        name: [role for one in found.get("security", []) for role in one["HTTPBearer"]]
        for name, found in operations.items()
    }
    assert {name for name, found in roles.items() if found not in (["analyst"], ["admin"])} == set()
    assert roles["put /v1/silences/{tenant}/{silence_id}"] == ["admin"]
    assert {name for name, found in operations.items() if not found.get("description")} == set()
    assert {name for name, found in operations.items() if not has_example(document, found)} == set()


def has_example(document: dict[str, Any], operation: dict[str, Any]) -> bool:
    """Whether a body, if the operation takes one, comes with an example."""
    if "requestBody" not in operation:
        return True
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return bool(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]].get("examples"))


def ask_all(document: dict[str, Any], base: str, headers: dict[str, str]) -> dict[str, Counter[int]]:
    """Statuses by operation; each refusal says why. Streams have no end to wait for."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = base
    statuses: dict[str, Counter[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        if "text/event-stream" in str(operation.definition.raw["responses"]):
            continue
        ask_one(operation, headers, statuses.setdefault(operation.label, Counter()))
    return statuses


def ask_one(operation: Any, headers: dict[str, str], told: Counter[int]) -> None:
    @EXAMINED
    @given(case=operation.as_strategy())
    def ask(case: Case) -> None:
        response = case.call(headers=headers)
        told[response.status_code] += 1
        if 400 <= response.status_code < 500:
            body = response.json()
            assert body.get("detail") or body.get("problems"), (operation.label, body)

    ask()


def ask_questions(address: str, headers: dict[str, str]) -> Counter[int]:
    """Statuses of questions whose words are mostly real."""
    told: Counter[int] = Counter()

    @settings(EXAMINED, max_examples=150)
    @given(asked=QUESTIONS)
    def ask(asked: dict[str, object]) -> None:
        response = requests.post(address, json=asked, headers=headers, timeout=30)
        told[response.status_code] += 1
        if response.status_code != 200:
            body = response.json()
            hints = [body["detail"]] if "detail" in body else [one["problem"] for one in body["problems"]]
            assert all(hints), body

    ask()
    return told
