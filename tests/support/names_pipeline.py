"""What answers in the shape of a spaCy pipeline, without one: it knows a handful of names, and how to fail."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

NAMES = re.compile(r"Priya Raman|Anna|Bob Marley")


@dataclass(frozen=True)
class Entity:
    start_char: int
    end_char: int
    label_: str = "PERSON"


@dataclass(frozen=True)
class Document:
    ents: list[Entity]


def load() -> Callable[[str], Document]:
    return _find


def _find(text: str) -> Document:
    if "kill the model" in text:
        os._exit(1)
    if "keep the model busy" in text:
        time.sleep(60)
    if "break the model" in text:
        raise ValueError("a text that nobody may see")
    return Document([Entity(*found.span()) for found in NAMES.finditer(text)])
