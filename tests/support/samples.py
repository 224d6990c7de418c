"""Which sample bodies of messages are there, and of which type is each?"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "contracts/samples"
SAMPLES = sorted(FOLDER.glob("*.json"))


def type_of(sample: Path) -> str:
    """`hil.evt.message.sent.v1.json`; further samples of a type are named `….v1.<what they show>.json`."""
    return ".".join(sample.name.split(".")[:5])
