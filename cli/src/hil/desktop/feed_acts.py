"""What does the feed do to a desktop: break off, come again, repeat itself, give up?"""

from hil.desktop.play import START_TIMES, Play


async def read_snapshot(play: Play) -> None:
    """The snapshot is read while things go on: its later pages are newer than its first one."""
    is_there = "the feed was not asked for"
    await play.until(lambda: play.inbox.is_connected, "resume", is_there, times=START_TIMES)
    if not play.inbox.snapshots:
        play.note("whole-snapshot", "the feed was asked for before the page with `next_cursor` null was read")
    first = play.inbox.cursors[0]
    if first is None or first > play.inbox.position:
        text = f"the pages said {play.inbox.position} and {play.inbox.ahead}; the feed was asked for after {first}"
        play.note("smallest-cursor", text)
    await play.reached(play.inbox.position)
    overlap = play.story.between(play.inbox.position, play.inbox.ahead)
    await play.inbox.tell(overlap[0].seq)
    await play.reached(play.inbox.position)
    await play.inbox.tell(play.inbox.ahead)
    await play.compared()


async def go_live(play: Play) -> None:
    """Changes, heartbeats, and events that tell nothing about rows."""
    await play.opened(play.story.changes[0].key)
    for change in play.story.go_on(10):
        await play.inbox.tell(change.seq)
        await play.inbox.send(b': ping\n\nevent: weather\ndata: {"sun":true}\n\n')
        await play.inbox.send(b'event: typing\ndata: {"key":"x","actor_id":"bo","at_ms":1,"until_ms":2}\n\n')
        await play.inbox.beat()
    await play.compared()


async def break_off(play: Play) -> None:
    """The network breaks in the middle of an event, and the inbox is away for a moment."""
    told = play.story.go_on(3)
    await play.inbox.tell(told[-1].seq)
    await play.reached(told[-1].seq)
    [half, *_] = missed = play.story.go_on(6)
    await play.inbox.send(half.frame[: half.frame.index(b"data: ") + 40])
    play.inbox.is_down = True
    play.inbox.position = missed[-1].seq
    await play.inbox.cut()
    refused = play.inbox.refused_feeds
    await play.until(lambda: play.inbox.refused_feeds > refused, "resume", f"nobody came back after {told[-1]}")
    if (await play.desktop.show()).live:
        play.note("not-live", f"`live` was true after the break behind {told[-1]}, while the feed answered 503")
    play.inbox.is_down = False
    await play.resumed({told[-1].seq}, f"the connection broke within {half}, behind {told[-1]}")


async def restart(play: Play) -> None:
    """The inbox restarts after a heartbeat that was newer than the last change."""
    [last] = play.story.go_on(1)
    await play.inbox.tell(last.seq)
    play.inbox.position = play.story.skip(5)
    await play.inbox.beat()
    may = {last.seq, play.inbox.position}
    await play.reached(last.seq)
    play.inbox.position = play.story.go_on(4)[-1].seq
    play.inbox.end()
    await play.resumed(may, f"the stream ended behind {last} and the heartbeat {max(may)}")


async def repeat(play: Play) -> None:
    """Some changes come again, older than what is shown."""
    for change in play.story.until(play.inbox.position)[-8:-2]:
        await play.inbox.send(change.frame)
    await play.inbox.tell(play.story.go_on(1)[-1].seq)
    await play.compared()


async def reset(play: Play) -> None:
    """The cursor cannot be served any more."""
    await play.inbox.send(b'event: reset\ndata: {"reason":"too_old","seq":%d}\n\n' % play.inbox.position)
    play.inbox.needs_snapshot = True
    play.inbox.position = play.inbox.ahead = play.story.go_on(12)[-1].seq
    play.inbox.end()
    await play.resumed({play.inbox.position}, f"`reset`, and a snapshot as of {play.inbox.position}", "reset")


FEED_ACTS = (read_snapshot, go_live, break_off, restart, repeat, reset)
