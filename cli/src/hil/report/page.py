"""How does a report become a page?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from hil.report.chart import HEIGHT, LEFT, RIGHT, WIDTH, Data, picture
from hil.report.contents import Table

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Asked:
    """What analytics answered."""

    tiles: Sequence[tuple[str, str]]
    charts: Sequence[Data]
    tables: Sequence[Table]


@dataclass(frozen=True, slots=True)
class Page:
    """What the report is of, and when it was made."""

    filters: Mapping[str, str]
    since: datetime
    until: datetime
    made: datetime


def page(asked: Asked, about: Page) -> str:
    """HTML without a script and without anything to be loaded; every text in it is escaped."""
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html").render(
        about=about,
        tiles=asked.tiles,
        pictures=[picture(one, about.until) for one in asked.charts],
        tables=[one for one in asked.tables if one.rows or one.note],
        size={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT},
    )
