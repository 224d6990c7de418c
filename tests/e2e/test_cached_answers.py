"""Is a workflow's answer given again, until the documents that it rests on have changed?"""

from itertools import count
from pathlib import Path

from tests.support.wait_until import wait_until
from tests.support.whole_system import whole_system

from hil.embedded.plan import AllInThisProcess
from hil.replay_model.script import Rule

# The passages are not in the prompt here: it is the version that keeps the answers apart.
FLOW = """
name: reader
version: 1.0.0
workflow:
  nodes:
    - {id: search, type: tool, tool: knowledge.search, arguments: {query: "{{ turn.text }}"}}
    - {id: answer, type: simple, prompt: Answer., cache: {knowledge_version: "{{ search.output.version }}"}}
    - {id: FINISH, type: sink, action: finish_conversation, reply: answer.output.text}
    - {id: HANDOVER, type: sink, action: handover_to_human}
  edges: [{from: search, to: answer}, {from: answer, to: FINISH}]
"""


async def test_an_answer_is_given_again_until_the_documents_change(tmp_path: Path) -> None:
    page = tmp_path / "papers" / "returns.md"
    page.parent.mkdir()
    page.write_text("Shoes go back within 30 days.")
    defaults = {"cost_usd": 0, "side_effect": "read"}
    knowledge = {"name": "knowledge", "builtin": "knowledge", "folder": "papers", "defaults": defaults}
    layout, conversations = AllInThisProcess(), count(1)
    async with whole_system(tmp_path, layout=layout, workflows=(FLOW,), servers=(knowledge,)) as system:
        system.plan_faults(Rule(text="first"), Rule(text="second"))

        async def answer() -> str:
            [message] = (await system.ask(f"c{next(conversations)}", "shoes", workflow="reader")).messages
            return message.text

        assert [await answer(), await answer()] == ["first", "first"]
        page.write_text("Shoes go back within 14 days.")

        async def is_asked_anew() -> bool:
            return await answer() == "second"

        await wait_until(is_asked_anew, timeout_seconds=30, every_seconds=0.5)
        assert await answer() == "second"
