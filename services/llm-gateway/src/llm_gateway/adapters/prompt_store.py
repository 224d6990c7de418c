"""What came before a request in its agent loop: remembered, or read from the log?"""

from collections import OrderedDict

from contracts.completions import CompletionProduced
from contracts.envelope import LogEntry
from llm_gateway.domain.failure import Failure
from llm_gateway.domain.prompt import Prompt, after_answer, prompt_of_chain
from service_kit.log import Log

_CHARACTERS_MAX = 64 * 1024 * 1024


class PromptStore:
    """Prompts of answered requests, bounded by number and by characters; the log has what is forgotten."""

    def __init__(self, log: Log, *, prompts_max: int, characters_max: int = _CHARACTERS_MAX) -> None:
        self._log = log
        self._prompts: OrderedDict[tuple[str, str, str], tuple[Prompt, int]] = OrderedDict()
        self._prompts_max, self._characters_max = prompts_max, characters_max
        self._characters = 0
        self.log_reads = 0

    async def load_prompt(self, tenant: str, key: str, request_id: str, *, until: int) -> Prompt | Failure:
        """Everything up to and with the answer of `request_id`, which lies before sequence `until` of its key."""
        remembered = self._prompts.pop((tenant, key, request_id), None)
        if remembered is not None:
            self._characters -= remembered[1]
            return remembered[0]
        return prompt_of_chain(await self.load_log(tenant, key, until=until), request_id)

    async def load_log(self, tenant: str, key: str, *, after: int = 0, until: int | None = None) -> list[LogEntry]:
        """The log of a key."""
        self.log_reads += 1
        return await self._log.read(tenant, key, after=after, until=until)

    def remember(self, place: tuple[str, str, str], prompt: Prompt, answer: CompletionProduced) -> None:
        """Keep the prompt with its answer under (tenant, key, request id); the oldest give way."""
        known = self._prompts.pop(place, None)
        self._characters -= known[1] if known else 0
        whole = after_answer(prompt, answer)
        characters = sum(len(message.model_dump_json()) for message in whole)
        self._prompts[place] = (whole, characters)
        self._characters += characters
        while self._prompts and (len(self._prompts) > self._prompts_max or self._characters > self._characters_max):
            self._characters -= self._prompts.popitem(last=False)[1][1]
