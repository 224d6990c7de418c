"""When does a generation that was built take the place of the one that serves?"""

from dataclasses import replace

import pytest

from analytics.domain.generations import (
    FORMAT,
    OTHERS_MS,
    Build,
    Generations,
    asked_for,
    begun_anew,
    changed,
    given_up,
    judged,
    losses_of,
    up_to_date,
    without,
)

NOW = Generations(format=FORMAT)


def counting_log(known: Generations) -> Build:
    assert known.building is not None
    return replace(known.building, stage="log")


def test_the_first_generation_serves_and_is_the_only_one_that_is_counted() -> None:
    assert (Generations().serving, Generations().counted) == (1, {1})


def test_a_build_is_counted_beside_the_serving_one_once_the_archive_is_through() -> None:
    asked = asked_for(Generations(), accepts_losses=False, number=7)
    assert asked.counted == {1}
    assert changed(asked, counting_log(asked)).counted == {1, 7}


def test_no_number_is_given_twice() -> None:
    first = asked_for(Generations(), accepts_losses=False, number=7)
    second = asked_for(given_up(first, now_ms=5), accepts_losses=False, number=7)
    assert second.building == Build(8)
    assert second.retired == {7: 5}


def test_asking_again_takes_the_build_that_goes_on_and_may_accept_its_losses() -> None:
    asked = asked_for(Generations(), accepts_losses=False, number=7)
    again = asked_for(asked, accepts_losses=True, number=9)
    assert again.building == Build(7, accepts_losses=True)
    assert asked_for(again, accepts_losses=False, number=9) == again


def test_a_build_that_cannot_be_trusted_is_begun_anew_under_another_number() -> None:
    asked = asked_for(Generations(), accepts_losses=True, number=7)
    anew = begun_anew(asked, now_ms=5)
    assert anew.building == Build(8, accepts_losses=True)
    assert anew.retired == {7: 5}


def test_giving_up_without_a_build_changes_nothing() -> None:
    assert given_up(Generations(), now_ms=5) == Generations()


def test_a_build_without_losses_takes_over_and_the_old_one_is_retired() -> None:
    known = asked_for(NOW, accepts_losses=False, number=7)
    build = counting_log(known)
    after = judged(known, build, {}, now_ms=5)
    assert (after.serving, after.building, after.retired, after.rebuilt) == (
        7,
        None,
        {1: 5},
        replace(build, stage="done"),
    )
    assert without(after, 1).retired == {}


def test_a_build_that_would_lose_figures_is_held_until_that_is_accepted() -> None:
    known = asked_for(Generations(), accepts_losses=False, number=7)
    held = judged(known, counting_log(known), {"executions.executions": 3}, now_ms=5)
    assert held.serving == 1 and held.counted == {1, 7}
    assert held.building is not None
    assert (held.building.stage, held.building.losses) == ("held", {"executions.executions": 3})
    accepted = asked_for(held, accepts_losses=True, number=9)
    assert accepted.building is not None
    after = judged(accepted, accepted.building, {"executions.executions": 3}, now_ms=6)
    assert after.serving == 7 and after.rebuilt is not None and after.rebuilt.losses == {"executions.executions": 3}


def test_the_state_of_another_build_is_not_taken() -> None:
    known = asked_for(Generations(), accepts_losses=False, number=7)
    with pytest.raises(AssertionError, match="another build"):
        changed(known, Build(8))


def test_losses_are_figures_that_are_lower_or_gone() -> None:
    before = {"executions.executions": 10, "tools.calls": 4, "nodes.runs": 2}
    after = {"executions.executions": 9, "nodes.runs": 3}
    assert losses_of(before, after) == {"executions.executions": 1, "tools.calls": 4}
    assert losses_of(before, before) == {}


def test_figures_of_an_older_format_are_counted_anew_once() -> None:
    asked = up_to_date(Generations(), now_ms=7_000)
    assert asked.building == Build(7) and up_to_date(asked, now_ms=9_000) == asked
    over = judged(asked, counting_log(asked), {}, now_ms=5)
    assert over.retired == {1: 5 + OTHERS_MS}, "replicas of before still answer from it"
    assert over.format == FORMAT and up_to_date(over, now_ms=9_000) == over
    assert up_to_date(Generations(format=FORMAT + 1), now_ms=7_000).building is None
