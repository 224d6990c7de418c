"""The history of evaluations over HTTP: each that was played or judged, once, the last first."""

from pathlib import Path
from typing import Any

import aiohttp

from analytics.app import serve
from analytics.settings import Settings
from contracts.objectives import Slos
from hil.embedded.ports import free_port
from hil.eval.gate import decide
from hil.eval.publish import publish_evaluation
from hil.eval.tolerance import GateRules
from tests.support.analytics_token import give_token
from tests.support.evaluations import evaluation, trial
from tests.support.kit import kit
from tests.support.running_service import running_service
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until

GOOD = evaluation({"a": [trial()] * 4}, id="good", workflow="returns")
BAD = evaluation({"a": [trial(fails="tools")] * 4}, id="bad", suite="other")
DECISION = decide(GOOD, BAD, GateRules(), Slos())


async def history(session: aiohttp.ClientSession, token: str, **params: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"}
    async with session.get("/v1/evaluations", params=params, headers=headers) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def test_each_evaluation_is_told_once_the_last_first_to_its_tenant(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = Settings(
        nats_url=nats_server.url,
        store_url=f"sqlite:///{tmp_path}/analytics.sqlite3",
        http_port=free_port(),
        log_level="error",
    )
    token, acmes = [await give_token(settings.store_url, *names) for names in (("acme", "globex"), ("acme",))]
    served = running_service(lambda stop, ready: serve(settings, stop=stop, ready=ready), settings.http_port)
    async with kit(nats_server.url) as connection, served as session:
        for _ in range(2):  # The second time is the same event.
            await publish_evaluation(connection, GOOD, tenant="acme")
        await publish_evaluation(connection, BAD, tenant="acme")
        await publish_evaluation(connection, BAD, DECISION, baseline="good", tenant="acme")
        await publish_evaluation(connection, GOOD, tenant="globex")

        async def all_are_kept() -> bool:
            return len((await history(session, token))["evaluations"]) == 4

        await wait_until(all_are_kept, timeout_seconds=20)
        found = (await history(session, acmes))["evaluations"]
        assert found == (await history(session, token, tenant="acme"))["evaluations"]
        assert [(one["evaluation_id"], one["verdict"]) for one in found] == [
            ("bad", "regressed"),
            ("bad", "not_judged"),
            ("good", "not_judged"),
        ]
        assert found[0]["baseline"] == "good"
        assert found[0]["findings"][0].startswith("pass_rate was 1, is 0")
        assert found[0]["figures"]["pass_k"] == [0, 0, 0, 0]
        assert len((await history(session, token, workflow="returns"))["evaluations"]) == 2
        assert len((await history(session, token, suite="other", tenant="globex"))["evaluations"]) == 0
        first = await history(session, token, limit="3")
        rest = await history(session, token, limit="3", cursor=first["next_cursor"])
        assert [len(first["evaluations"]), len(rest["evaluations"])] == [3, 1]
