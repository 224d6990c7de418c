"""What does a change of one conversation change in the sums over many, and how is that counted exactly once?

Which version a sale or a rating is booked to, and what a conversation says in an experiment, follows from all of its
messages together, in whatever order they come: no message alone says what it adds to a sum. Each write of a
conversation therefore tells in the same document what it changed, numbered by its last new message. Whoever writes a
conversation, or is given one of its messages again, counts that in the sums before the message is acknowledged. So
what is acknowledged is surely counted, and is forgotten at the next write."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from analytics.domain.cells import Cell, Family, cells_of
from analytics.domain.conversation_worth import worth_of
from analytics.domain.experiment_units import arm_sums_of
from analytics.domain.rollup import Contribution, Posting, Rollup, Settled, Together
from analytics.domain.share import Share, Shares, change, together

SHARES_OF: Mapping[Family, Callable[[Rollup], Shares]] = {"conversations": worth_of, "experiments": arm_sums_of}


def posted(before: Rollup, after: Rollup, new: frozenset[int], settled: Settled) -> Rollup:
    """The conversation after these new messages, with what they changed in sums; the same where nothing sums it up."""
    shares_of = SHARES_OF.get(after.cell.subject.family)
    if shares_of is None or after.log != settled.log:
        return after
    kept = outstanding(before, settled)
    if not new:
        return replace(after, postings=kept if before.postings is not None else None)
    was = {} if before.postings is None else shares_of(before)
    changed = tuple(_changes(max(new), was, shares_of(after)))
    return replace(after, postings=(*kept, *changed))


def outstanding(rollup: Rollup, settled: Settled) -> tuple[Posting, ...]:
    """Those that may not be counted yet."""
    if rollup.log != settled.log or not rollup.postings:
        return ()
    return tuple(one for one in rollup.postings if one.contribution.sequence > settled.floor)


def sums_to_write(rollups: Iterable[Rollup], settled: Settled) -> dict[Cell, Together]:
    """What is outstanding, by the cell that it belongs in. A number counts once in a cell, so all that it adds there,
    of several minutes of the same hour, is one contribution."""
    found: dict[Cell, dict[int, Contribution]] = {}
    for rollup in rollups:
        for posting in outstanding(rollup, settled):
            for cell in cells_of(posting.contribution.subject, posting.minute_ms):
                by_number, number = found.setdefault(cell, {}), posting.contribution.sequence
                known = by_number.get(number)
                by_number[number] = posting.contribution if known is None else _both(known, posting.contribution)
    return {cell: Together(by_number.values()) for cell, by_number in found.items()}


def _both(one: Contribution, other: Contribution) -> Contribution:
    both = together(Share(part.counts, part.histograms) for part in (one, other))
    return replace(one, counts=both.counts, histograms=both.histograms)


def _changes(number: int, was: Shares, is_: Shares) -> Iterable[Posting]:
    for place in was.keys() | is_.keys():
        changed = change(was.get(place, Share()), is_.get(place, Share()))
        if changed.counts or changed.histograms:
            subject, minute_ms = place
            yield Posting(minute_ms, Contribution(number, subject, changed.counts, histograms=changed.histograms))
