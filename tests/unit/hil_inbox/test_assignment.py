"""Who is given what, and what holds for every such choice?"""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from hil_inbox.domain.assignment import Agent, Assignment, QueueRow, assign, fits, has_room, online_for, urgency
from hil_inbox.domain.queue_position import Ahead, ahead_of
from hil_inbox.domain.queues import Queue

NOW = 1_000_000
SKILLS, TEAMS, QUEUES = ("refunds", "german"), ("red", "blue"), ("sales", "returns", "manual")
QUEUES_BY_NAME = {
    "sales": Queue("sales", mode="round_robin"),
    "returns": Queue("returns", mode="least_loaded", teams=frozenset({"red"}), relax_skills_after_ms=50_000),
    "manual": Queue("manual"),
}
some = st.frozensets
waiting_rows = st.lists(
    st.builds(
        QueueRow,
        id=st.text("abcdef", min_size=1, max_size=3),
        queue=st.sampled_from((*QUEUES, "unknown")),
        team=st.sampled_from((None, *TEAMS)),
        skills=some(st.sampled_from(SKILLS)),
        language=st.sampled_from((None, "de")),
        due_ms=st.integers(0, 5),
        rank=st.integers(0, 3),
        opened_ms=st.integers(NOW - 100_000, NOW),
        taken_from=st.sampled_from((None, "ana", "bo")),
        released_ms=st.integers(NOW - 60_000, NOW),
    ),
    max_size=12,
    unique_by=lambda row: row.id,
)
people = st.lists(
    st.builds(
        Agent,
        id=st.sampled_from(("ana", "bo", "cy", "di")),
        status=st.sampled_from(("online", "busy", "away")),
        capacity=st.integers(0, 4),
        load=st.integers(0, 5),
        skills=some(st.sampled_from(SKILLS)),
        teams=some(st.sampled_from(TEAMS)),
        languages=some(st.sampled_from(("de", "en"))),
        idle_since_ms=st.integers(0, 3),
        assigned_ms=st.integers(0, 3),
    ),
    max_size=4,
    unique_by=lambda agent: agent.id,
)
modes = st.sampled_from(("round_robin", "longest_idle", "least_loaded"))


def loads_after(agents: list[Agent], made: list[Assignment]) -> list[Agent]:
    given_to = Counter(one.agent_id for one in made)
    return [replace(agent, load=agent.load + given_to[agent.id]) for agent in agents]


@settings(max_examples=60, deadline=None)
@given(waiting_rows, people)
def test_only_people_who_are_online_fit_and_have_room_get_anything(rows: list[QueueRow], agents: list[Agent]) -> None:
    made, by_id, row_of = (
        assign(rows, agents, QUEUES_BY_NAME, now_ms=NOW),
        {a.id: a for a in agents},
        {r.id: r for r in rows},
    )
    assert len({one.handover_id for one in made}) == len(made)
    for one in made:
        row, agent = row_of[one.handover_id], by_id[one.agent_id]
        assert agent.status == "online"
        assert row.queue in ("sales", "returns")
        assert fits(row, agent, QUEUES_BY_NAME[row.queue], now_ms=NOW)
    for before, after in zip(agents, loads_after(agents, made), strict=True):
        assert after.load <= max(before.load, before.capacity)


@settings(max_examples=60, deadline=None)
@given(waiting_rows, people)
def test_nobody_with_room_is_left_while_something_that_fits_waits(rows: list[QueueRow], agents: list[Agent]) -> None:
    made = assign(rows, agents, QUEUES_BY_NAME, now_ms=NOW)
    left = [
        row for row in rows if row.id not in {one.handover_id for one in made} and row.queue in ("sales", "returns")
    ]
    free = [agent for agent in loads_after(agents, made) if has_room(agent)]
    assert not [(row, one) for row in left for one in free if fits(row, one, QUEUES_BY_NAME[row.queue], now_ms=NOW)]


@settings(max_examples=60, deadline=None)
@given(waiting_rows, people, st.randoms())
def test_the_order_of_what_comes_in_changes_nothing(rows: list[QueueRow], agents: list[Agent], random: object) -> None:
    made = assign(rows, agents, QUEUES_BY_NAME, now_ms=NOW)
    mixed_rows, mixed_agents = list(rows), list(agents)
    random.shuffle(mixed_rows)  # type: ignore[attr-defined]
    random.shuffle(mixed_agents)  # type: ignore[attr-defined]
    assert assign(mixed_rows, mixed_agents, QUEUES_BY_NAME, now_ms=NOW) == made


@settings(max_examples=60, deadline=None)
@given(modes, st.integers(1, 5), st.integers(1, 40))
def test_people_alike_are_given_alike(mode: str, people_count: int, rows_count: int) -> None:
    agents = [Agent(str(number), "online", capacity=100) for number in range(people_count)]
    rows = [QueueRow(str(number), "q") for number in range(rows_count)]
    queues = {"q": Queue("q", mode=mode)}  # type: ignore[arg-type]
    counts = Counter(one.agent_id for one in assign(rows, agents, queues, now_ms=NOW))
    assert sum(counts.values()) == rows_count
    assert max(counts.values()) - min(counts.get(agent.id, 0) for agent in agents) <= 1


def test_the_most_urgent_goes_first_where_there_is_room_for_one() -> None:
    rows = [
        QueueRow("late", "sales", due_ms=9),
        QueueRow("low", "sales", due_ms=5, rank=3),
        QueueRow("b", "sales", due_ms=5),
    ]
    assert assign(rows, [Agent("ana", "online", 1)], QUEUES_BY_NAME, now_ms=NOW) == [Assignment("b", "ana")]


def test_longest_idle_means_without_work_for_longest() -> None:
    queues = {"q": Queue("q", mode="longest_idle")}
    agents = [
        Agent("works", "online", 3, load=1, idle_since_ms=1),
        Agent("new", "online", 3, idle_since_ms=9),
        Agent("old", "online", 3, idle_since_ms=5),
    ]
    made = assign([QueueRow(name, "q", due_ms=int(name)) for name in "123"], agents, queues, now_ms=NOW)
    assert [one.agent_id for one in made] == ["old", "new", "works"]


def test_least_loaded_goes_by_the_share_of_the_capacity() -> None:
    queues = {"q": Queue("q", mode="least_loaded")}
    agents = [Agent("half", "online", 10, load=5), Agent("most", "online", 4, load=3)]
    assert assign([QueueRow("1", "q")], agents, queues, now_ms=NOW)[0].agent_id == "half"


def test_who_had_it_does_not_get_it_back_within_the_cool_down() -> None:
    agent, row = Agent("ana", "online", 1), QueueRow("1", "sales", taken_from="ana", released_ms=NOW - 29_999)
    assert assign([row], [agent], QUEUES_BY_NAME, now_ms=NOW) == []
    assert assign([row], [agent], QUEUES_BY_NAME, now_ms=NOW + 1) == [Assignment("1", "ana")]


def test_skills_are_asked_for_until_the_queue_says_that_waiting_is_worse() -> None:
    agent = Agent("ana", "online", 5, teams=frozenset({"red"}))
    row = QueueRow("1", "returns", skills=frozenset({"refunds"}), opened_ms=NOW - 49_999)
    assert assign([row], [agent], QUEUES_BY_NAME, now_ms=NOW) == []
    assert assign([row], [agent], QUEUES_BY_NAME, now_ms=NOW + 1) == [Assignment("1", "ana")]
    assert assign([replace(row, queue="sales", opened_ms=0)], [agent], QUEUES_BY_NAME, now_ms=NOW) == []


def test_a_handover_for_a_team_goes_to_that_team_only() -> None:
    row, queue = QueueRow("1", "returns", team="blue"), QUEUES_BY_NAME["returns"]
    assert fits(row, Agent("ana", "online", 1, teams=frozenset({"blue"})), queue, now_ms=NOW)
    assert not fits(row, Agent("bo", "online", 1, teams=frozenset({"red"})), queue, now_ms=NOW)


def test_people_online_are_those_of_the_queue_whatever_they_have_in_hand() -> None:
    red = frozenset({"red"})
    agents = [Agent("ana", "online", 1, load=1, teams=red), Agent("bo", "away", 1, teams=red), Agent("cy", "online", 1)]
    assert (online_for(agents, QUEUES_BY_NAME["returns"]), online_for(agents, QUEUES_BY_NAME["sales"])) == (1, 2)


@settings(max_examples=60, deadline=None)
@given(waiting_rows)
def test_what_is_ahead_of_a_row_is_what_is_assigned_before_it(rows: list[QueueRow]) -> None:
    for mine in rows:
        groups = ahead_of(urgency(mine)[:3])
        ahead = [row.id for group in groups for row in rows if _is_in(row, group)]
        assert sorted(ahead) == sorted(row.id for row in rows if urgency(row)[:3] < urgency(mine)[:3])


def _is_in(row: QueueRow, group: Ahead) -> bool:
    return getattr(row, group.field) < group.below and all(getattr(row, name) == value for name, value in group.equal)
