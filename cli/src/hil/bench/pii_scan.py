"""`hil bench pii`: what does it cost to search a text for personal data, and how much of it is found?"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from hil.bench.pii_strings import Score, false_share, scores
from pii import Kind, Masker

WITH_PII = """Hi, I am Anna and I ordered two lamps last week (order #W1234567, placed 2024-05-12 at 10:15). The parcel
with tracking 9400111899223817364512 never arrived. You can write to anna.meyer@example.com or call {0}; my wife's
mobile is 415-555-2671. I paid 59.90 USD with card 4111 1111 1111 1111, and the refund should go to
DE89 3704 0044 0532 0130 00 please. I wrote from 192.168.0.12 with version 10.15.7.1 of the app. My zip is 94110,
the item ids are 1008292230 and 9523456873, my user id is anna_meyer_9620. The lamp
is 25 cm high and cost 29.95, and the shop said that it
takes 3 to 5 days, so it should be here by May 17 at the latest. It is a present, so please hurry."""
WITHOUT = """Hi, I am Anna and I ordered two lamps last week. The parcel never arrived, although the shop said that it
takes a few days, so that it should have been here long ago. It is a present, which makes this rather urgent, and my
neighbour, who has offered to take the parcel, will soon be away. If it cannot be sent again I would rather have my
money back. Also the colour on the page looks different from the photographs that other customers have posted, so could
you tell me which of the two is right? The last lamp that I bought from you was packed so badly that its shade was
bent; I hope that somebody can see to that. Message {0}. Thank you very much for your help, and have a nice day."""
NUMBERS_ONLY = (
    """order #W1234567, item 1008292230 at 29.95, item 9523456873 at 129.00, placed 2024-05-12 10:15:30,
zip 94110, tracking 940011189922, sku AB-1234, size 10, qty 2, total 158.95, message {0}; """
    * 3
)
_FLOOR = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+|\d(?:[ -]?\d){6,18}")
ROUNDS = 400


@dataclass(frozen=True, slots=True)
class PiiRow:
    """Milliseconds of CPU for a thousand characters. `again` is a text that was searched before, as agent loops send
    it; `floor` is one plain pattern over the text, which decides nothing."""

    name: str
    characters: int
    ms_per_kb: float
    again_ms_per_kb: float
    floor_ms_per_kb: float


def cost_rows(rounds: int = ROUNDS) -> list[PiiRow]:
    """Masking, as the gateway does it, of texts that are all different."""
    texts = {"with personal data": WITH_PII, "without": WITHOUT, "numbers of a shop": NUMBERS_ONLY}
    return [_row(name, text, rounds) for name, text in texts.items()]


def quality_rows() -> dict[Kind, Score]:
    """Recall and precision on strings that were written by hand."""
    return scores()


def figures(rows: list[PiiRow], found: dict[Kind, Score]) -> dict[str, object]:
    """All figures, as they are written to a file."""
    return {
        "rows": [
            {
                "name": row.name,
                "characters": row.characters,
                "ms_per_kb": row.ms_per_kb,
                "again_ms_per_kb": row.again_ms_per_kb,
                "floor_ms_per_kb": row.floor_ms_per_kb,
            }
            for row in rows
        ],
        "kinds": {
            kind: {
                "strings": score.expected,
                "recall": score.recall,
                "recall_with_stated_gaps": score.recall_with_gaps,
                "precision": score.precision,
            }
            for kind, score in found.items()
        },
        "false_share_of_look_alikes": false_share(),
    }


def _row(name: str, template: str, rounds: int) -> PiiRow:
    texts = [
        template.format(f"+49 30 {901820 + number}" if template is WITH_PII else number) for number in range(rounds)
    ]
    thousands = sum(map(len, texts)) / 1000

    def mask(text: str) -> None:
        Masker(b"bench", "bench").mask(text)

    def search(text: str) -> None:
        for _ in _FLOOR.finditer(text):
            pass

    first = _cpu_ms(mask, texts) / thousands
    return PiiRow(name, len(texts[0]), first, _cpu_ms(mask, texts) / thousands, _cpu_ms(search, texts) / thousands)


def _cpu_ms(work: Callable[[str], None], texts: list[str]) -> float:
    began = time.process_time()
    for text in texts:
        work(text)
    return (time.process_time() - began) * 1000
