"""A conversation that was archived is still the same conversation to the inbox."""

from functools import partial

from contracts.envelope import Identity
from contracts.handovers import HandoverClaimed
from hil_inbox.adapters.state_cache import StateCache
from hil_inbox.handlers.settle_command import Desk
from service_kit.archive import Archive, WholeLog
from service_kit.bus import publish
from service_kit.log import Log
from tests.support.kit import TENANT, kit, say
from tests.support.start_servers import NatsServer


async def test_owner_and_epoch_from_before_the_archive_are_known(nats_server: NatsServer) -> None:
    async with kit(nats_server.url) as connection:
        log, archive = Log(connection), Archive(connection)
        last = await say(connection, "c1", "1")
        for epoch in (1, 2, 3):
            claimed = HandoverClaimed(handover_id="h", ownership_epoch=epoch, actor_id="ana", agent_id="ana")
            entry = await log.append(claimed, Identity(TENANT, "c1", f"claim{epoch}", "x"), fence=last)
            last = entry.sequence
        await archive.store(TENANT, "c1", await log.read(TENANT, "c1"))
        await say(connection, "c1", "2")  # The customer comes back before the old log is gone.
        await archive.purge(TENANT, "c1", last + 1)

        states, sending = StateCache(10), partial(publish, connection)
        desk = Desk(WholeLog(log, archive), states, now_ms=lambda: 1_000, publish=sending)
        state = await desk.newest(TENANT, "c1")
        assert state.epoch == 3
        assert state.owner_id == "ana"
