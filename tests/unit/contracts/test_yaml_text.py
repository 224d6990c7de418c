"""Is our YAML what a YAML parser reads back?"""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from contracts.yaml_text import yaml_text

scalars = (
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))
)
trees = st.dictionaries(
    st.text("abc-._$/ 09:", min_size=1, max_size=6),
    st.recursive(
        scalars,
        lambda inner: (
            st.lists(scalars, max_size=3)
            | st.dictionaries(st.text("abc-", min_size=1, max_size=4), inner, max_size=3)
            | st.lists(st.dictionaries(st.text("xyz", min_size=1, max_size=3), inner, max_size=2), max_size=3)
        ),
        max_leaves=12,
    ),
    min_size=1,
    max_size=4,
)


@given(trees)
def test_a_parser_reads_back_what_was_written(tree: dict[str, object]) -> None:
    assert yaml.safe_load(yaml_text(tree)) == tree  # type: ignore[arg-type]


def test_the_same_tree_gives_the_same_text() -> None:
    assert yaml_text({"b": [{"x": 1, "y": []}], "a": {}}) == "b:\n  - x: 1\n    y: []\na: {}\n"
