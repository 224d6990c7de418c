"""Are conversations split evenly and for good, and are experiments declared by rules?"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.experiments import EXPERIMENTS_MAX, NAMES_MAX, Experiment, ExperimentRefused, Experiments, Split


def arms(*percents: int) -> list[dict[str, object]]:
    return [{"version": f"{n}.0.0", "content_hash": f"hash{n}", "percent": p} for n, p in enumerate(percents, start=1)]


def split(*percents: int, name: str = "one") -> Split:
    return Split.model_validate({"name": name, "workflow": "support", "arms": arms(*percents)})


def experiment(name: str = "one", **fields: Any) -> Experiment:
    known = {"name": name, "workflow": "support", "arms": arms(50, 50), "started_ms": 1_000}
    return Experiment.model_validate({**known, **fields})


def arm_of(one: Split, key: str, tenant: str = "acme") -> str | None:
    found = one.arm_of(tenant, key)
    return None if found is None else found.version


def test_shares_are_kept_and_the_rest_is_in_no_arm() -> None:
    one = split(50, 20, 10)
    found = Counter(arm_of(one, f"c{n}") for n in range(20_000))

    for version, percent in (("1.0.0", 50), ("2.0.0", 20), ("3.0.0", 10), (None, 20)):
        assert found[version] == pytest.approx(200 * percent, rel=0.05)


@given(st.text("abc123_-", min_size=1, max_size=128))
def test_the_same_conversation_is_always_in_the_same_arm(key: str) -> None:
    assert arm_of(split(50, 50), key) == arm_of(split(50, 50), key) is not None


def test_experiments_and_tenants_are_split_independently() -> None:
    keys = [f"c{n}" for n in range(4_000)]
    by_one = [arm_of(split(50, 50), key) for key in keys]
    others = ([arm_of(split(50, 50, name="two"), key) for key in keys], [arm_of(split(50, 50), k, "b") for k in keys])

    for other in others:
        same = sum(one == two for one, two in zip(by_one, other, strict=True))
        assert same == pytest.approx(2_000, rel=0.06)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"arms": arms(60, 50)}, "110 percent"),
        ({"arms": [*arms(10, 10)[:1], *arms(10, 10)[:1]]}, "version of its own"),
        ({"arms": arms(50)}, "arms"),
        ({"arms": arms(0, 50)}, "percent"),
        ({"name": "two words"}, "name"),
        ({"metrics": []}, "metrics"),
        ({"metrics": ["csat", "csat"]}, "each metric once"),
        ({"metrics": ["p95_latency_ms"]}, "metrics"),
        ({"guardrails": [{"metric": "csat"}, {"metric": "csat"}]}, "each metric once"),
        ({"guardrails": [{"metric": "csat", "tolerance": -0.1}]}, "tolerance"),
        ({"conversations_min": 99}, "conversations_min"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        experiment(**fields)


def test_a_workflow_has_one_experiment_at_a_time_and_a_name_is_used_once() -> None:
    known = Experiments().with_started(experiment())
    assert known.running() == {"support": split(50, 50)}

    with pytest.raises(ExperimentRefused, match="one runs on workflow support"):
        known.with_started(experiment("two"))
    with pytest.raises(ExperimentRefused, match="declared before"):
        known.with_stopped("one", at_ms=2_000).with_started(experiment())
    assert set(known.with_started(experiment("two", workflow="returns")).running()) == {"support", "returns"}


def test_a_stop_is_for_good_and_never_before_the_start() -> None:
    known = Experiments().with_started(experiment())
    stopped = known.with_stopped("one", at_ms=5)

    assert (stopped.named("one").stopped_ms, stopped.running()) == (1_000, {})
    assert stopped.with_stopped("one", at_ms=9_000) is stopped


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(ExperimentRefused, match="no experiment 'three'; the newest are one"):
        Experiments().with_started(experiment()).with_stopped("three", at_ms=1)
    with pytest.raises(ExperimentRefused, match="the newest are none"):
        Experiments().named("three")


def test_the_oldest_that_is_stopped_makes_room_for_a_new_one() -> None:
    kept = [experiment(f"e{n}", workflow=f"w{n}", stopped_ms=2_000 if n == 3 else None) for n in range(EXPERIMENTS_MAX)]
    full = Experiments(experiments=tuple(kept)).with_started(experiment("new", workflow="other"))

    assert len(full.experiments) == EXPERIMENTS_MAX
    assert {one.name for one in kept} - {one.name for one in full.experiments} == {"e3"}
    assert full.gone == ("e3",)
    with pytest.raises(ExperimentRefused, match="stop one"):
        full.with_started(experiment("newer", workflow="another"))


def test_the_name_of_one_that_made_room_is_not_used_again_and_names_come_to_an_end() -> None:
    known = Experiments(gone=("old",))

    with pytest.raises(ExperimentRefused, match="old was declared before"):
        known.with_started(experiment("old"))
    with pytest.raises(ExperimentRefused, match="5000 experiments were declared"):
        Experiments(gone=tuple(f"e{n}" for n in range(NAMES_MAX))).with_started(experiment())
