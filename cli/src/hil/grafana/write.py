"""`python -m hil.grafana.write`: where do the dashboards' files lie, and are they up to date?"""

import json
from pathlib import Path

from hil.grafana.dashboards import DASHBOARDS
from hil.grafana.panels import document

FOLDER = Path(__file__).parents[4] / "k8s" / "components" / "dashboards"


def files() -> dict[str, str]:
    """Text by file name."""
    return {f"{one.uid}.json": json.dumps(document(one), indent=2) + "\n" for one in DASHBOARDS}


def main() -> None:
    """Write those that changed."""
    for name, text in files().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
