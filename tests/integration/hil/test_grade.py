"""Is a grade asked for as often as there are votes, and is one that nobody gave never taken for a failure?"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from hil.eval.grade import Grader
from hil.eval.observe import Observation
from hil.eval.suite import Case, Graded
from hil.outcome import CommandError

CASE = Case.model_validate({"id": "a", "text": "hello", "expected_sink": "FINISH"})
SEEN = Observation(sink="FINISH", replies=("Good morning!",))


def answered(holds: object) -> tuple[int, object]:
    content = json.dumps({"holds": holds, "why": f"it is {holds}"})
    return 200, {"choices": [{"message": {"content": content}}]}


@asynccontextmanager
async def grader(answers: Sequence[tuple[int, object]]) -> AsyncIterator[tuple[Grader, list[web.Request], list[str]]]:
    """Asks a gateway that gives these answers in turn, the last for ever; with the requests that it got."""
    asked: list[web.Request] = []
    bodies: list[str] = []

    async def complete(request: web.Request) -> web.Response:
        status, body = answers[min(len(asked), len(answers) - 1)]
        asked.append(request)
        bodies.append(await request.text())
        return web.json_response(body, status=status, headers={"x-hil-cost-microdollars": "7"})

    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", complete)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Grader(f"http://127.0.0.1:{runner.addresses[0][1]}", "hil_key", session), asked, bodies
    finally:
        await runner.cleanup()


async def test_the_majority_of_the_votes_counts_and_all_are_paid() -> None:
    async with grader([answered(True), answered(False), answered(False)]) as (one, asked, bodies):
        grade = await one.grade(CASE, Graded(question="Is it kind?", votes=3), SEEN)
    assert (grade.holds, grade.why, grade.cost_microdollars) == (False, "it is False", 21)
    assert {request.headers["x-hil-cache"] for request in asked} == {"off"}
    assert {request.headers["authorization"] for request in asked} == {"Bearer hil_key"}
    document = json.loads(json.loads(bodies[0])["messages"][-1]["content"])
    assert (document["question"], document["customer"]) == ("Is it kind?", ["hello"])
    assert (document["replies"], document["sink"]) == (["Good morning!"], "FINISH")


async def test_a_bad_answer_is_asked_for_again() -> None:
    async with grader([(503, {}), (200, {"choices": []}), answered(True)]) as (one, asked, _):
        assert (await one.grade(CASE, Graded(question="Is it kind?"), SEEN)).holds
    assert len(asked) == 3


async def test_without_a_usable_answer_the_evaluation_ends() -> None:
    async with grader([answered("perhaps")]) as (one, asked, _):
        with pytest.raises(CommandError, match=r"case a: 'Is it kind\?' was not graded in 3 tries"):
            await one.grade(CASE, Graded(question="Is it kind?"), SEEN)
    assert len(asked) == 3
