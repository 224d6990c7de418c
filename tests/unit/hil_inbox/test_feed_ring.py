"""Which cursors does the ring serve, and what comes behind them?"""

from hil_inbox.domain.feed_ring import FeedEvent, FeedRing


def ring(*sequences: int, events_max: int = 3, bytes_max: int = 1_000) -> FeedRing:
    made = FeedRing(events_max, bytes_max)
    for seq in sequences:
        made.append(FeedEvent(seq, "acme", b"x" * 100))
    return made


def after(made: FeedRing, cursor: int) -> list[int]:
    return [event.seq for event in made.after(cursor, 100)]


def test_a_cursor_gets_what_is_behind_it_and_no_more_than_asked_for() -> None:
    made = ring(2, 5, 9)
    assert (after(made, 0), after(made, 5), after(made, 7), after(made, 9)) == ([2, 5, 9], [9], [9], [])
    assert [event.seq for event in made.after(0, 2)] == [2, 5]


def test_the_oldest_make_room_and_a_cursor_before_them_is_not_held() -> None:
    made = ring(2, 5, 9, 11, 20)
    assert (len(made), made.floor, after(made, made.floor)) == (3, 5, [9, 11, 20])
    assert [made.holds(cursor) for cursor in (4, 5, 20, 21)] == [False, True, True, False]


def test_bytes_are_bounded_too_and_one_event_stays_however_large() -> None:
    made = ring(1, 2, 3, 4, 5, events_max=100, bytes_max=250)
    assert (len(made), made.floor) == (2, 3)
    made.append(FeedEvent(6, "acme", b"x" * 10_000))
    assert (len(made), made.floor, after(made, 5)) == (1, 5, [6])


def test_the_position_moves_without_events_and_never_back() -> None:
    made = ring(2)
    made.advance(50)
    made.advance(10)
    assert (made.position, made.newest, made.holds(50), after(made, 2)) == (50, 2, True, [])


def test_a_restart_knows_nothing_but_where_it_starts_and_is_another_life() -> None:
    made = ring(2, 5)
    before = made.life
    made.restart(40)
    assert made.life != before
    assert ([made.holds(cursor) for cursor in (5, 39, 40, 41)], after(made, 40)) == ([False, False, True, False], [])


def test_many_events_keep_their_places_while_room_is_made() -> None:
    made = FeedRing(10, 1_000_000)
    for seq in range(1, 5_001):
        made.append(FeedEvent(seq, "acme", b"x"))
    assert (len(made), made.floor, after(made, 4_995)) == (10, 4_990, [4_996, 4_997, 4_998, 4_999, 5_000])
