"""Are names masked where a model finds them, and is nothing sent where it cannot say?"""

import asyncio
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import psutil
import pytest
from tests.integration.llm_gateway.conftest import StartBench
from tests.integration.llm_gateway.speaking_model import SpeakingModel, speaking
from tests.integration.llm_gateway.test_http import ask, client, http_gateway
from tests.support.wait_until import wait_until

from hil.replay_model import Rule
from llm_gateway.adapters.models_file import load_models
from llm_gateway.adapters.name_finder import NameFinder, NamesUnknown, UnusableNamesModel
from llm_gateway.domain.call import Call
from llm_gateway.handlers.masking import Masked, masked_for
from llm_gateway.settings import Settings

pytestmark = pytest.mark.asyncio
MODEL = "tests.support.names_pipeline:load"


async def test_a_name_leaves_as_a_placeholder_and_comes_back_as_itself(start_bench: StartBench, tmp_path: Path) -> None:
    text, model = "I am Priya Raman, priya@example.com. Is Bob Marley there?", SpeakingModel()
    async with (
        speaking(model) as provider_url,
        http_gateway(start_bench, tmp_path, provider_url=provider_url, names_model=MODEL) as (_, url),
        client(url) as gateway,
    ):
        chunks = [chunk async for chunk in await gateway.chat.completions.create(**ask(text, stream=True))]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text
    [heard] = model.heard
    assert "Priya" not in heard and "Marley" not in heard and "example.com" not in heard
    assert heard.count("[NAME_") == 2 and heard.count("[EMAIL_") == 1


@pytest.mark.parametrize("words", ["kill the model", "break the model", "keep the model busy"])
async def test_what_the_model_fails_at_is_not_sent_and_the_next_request_is(
    start_bench: StartBench, tmp_path: Path, words: str
) -> None:
    rule = Rule(text="ok", times=None)
    settings: dict[str, Any] = {"names_model": MODEL, "names_seconds_max": 3.0}
    async with http_gateway(start_bench, tmp_path, rule, **settings) as (bench, url), client(url) as gateway:
        with pytest.raises(openai.BadRequestError, match="names could not be looked for") as refused:
            await gateway.chat.completions.create(**ask(words))
        assert refused.value.code == "masking_failed" and "nobody may see" not in str(refused.value)
        assert not bench.model.received
        assert (await gateway.chat.completions.create(**ask("hello Anna"))).choices[0].message.content == "ok"


async def test_the_event_loop_goes_on_while_names_are_looked_for() -> None:
    finder = NameFinder(MODEL, 1.0)
    await finder.start()
    ticks, began = 0, time.monotonic()
    searching = asyncio.create_task(finder.find(["keep the model busy"]))
    while not searching.done():
        await asyncio.sleep(0.01)
        ticks += 1
    with pytest.raises(NamesUnknown, match="longer than 1 s"):
        await searching
    assert ticks > 20 and time.monotonic() - began < 30
    assert await finder.find(["Anna"]) == {"Anna": ((0, 4),)}
    finder.end()


async def test_a_text_is_searched_once() -> None:
    finder = NameFinder(MODEL, 30.0)
    assert await finder.find(["Anna", "", "Anna", "x Anna"]) == {"Anna": ((0, 4),), "": (), "x Anna": ((2, 6),)}
    finder.end()
    assert await finder.find(["x Anna"]) == {"x Anna": ((2, 6),)}
    finder.end()


@pytest.mark.parametrize("model", ["nowhere:load", "tests.support.names_pipeline:nothing"])
async def test_a_model_that_is_not_there_stops_the_start(model: str) -> None:
    with pytest.raises(UnusableNamesModel, match=f"LLM_GATEWAY_NAMES_MODEL: '{model}' cannot be loaded"):
        await NameFinder(model, 10.0).start()


async def test_a_name_in_what_a_repair_is_about_is_masked_too() -> None:
    """Its problem quotes the answer, in which the name is itself again, and no model is asked about it."""
    finder = NameFinder(MODEL, 30.0)
    table = load_models(Settings().models_file).table
    around = SimpleNamespace(table=table, pii_secret=b"s", phone_regions=("US",), names=finder)
    body = {"messages": [{"role": "user", "content": "I am Anna"}]}
    call = Call("r1", "http", "acme", "fast", body, "acme/r1", 10.0)  # type: ignore[arg-type]
    masked = await masked_for(call, around)  # type: ignore[arg-type]
    finder.end()
    assert isinstance(masked, Masked) and masked.counts == {"name": 1}
    assert (
        masked.masker.mask("'Anna' is not one of the kinds")
        == f"'{masked.masker.mask('Anna')}' is not one of the kinds"
    )
    assert masked.masker.mask("Anna").startswith("[NAME_")


async def test_the_process_of_the_model_ends_with_a_gateway_that_is_killed() -> None:
    program = (
        "import asyncio, multiprocessing, sys\n"
        "from llm_gateway.adapters.name_finder import NameFinder\n"
        "async def run():\n"
        f"    await NameFinder({MODEL!r}, 30.0).start()\n"
        "    print(multiprocessing.active_children()[0].pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(run())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    model = int(await process.stdout.readline())
    assert psutil.pid_exists(model)
    process.kill()
    await process.wait()
    await wait_until(lambda: not psutil.pid_exists(model) or psutil.Process(model).status() == psutil.STATUS_ZOMBIE)
