"""How do accounts come under a new master key while they are used?"""

import asyncio

import structlog

from service_kit.errors import RetryLater
from tool_runner.adapters.vault.account_records import AccountRecords
from tool_runner.adapters.vault.seal_tokens import KeyMissing, Unsealable

PAGE = 100
EVERY_SECONDS = 60.0
log = structlog.get_logger()


async def rewrap_tokens(records: AccountRecords, *, every_seconds: float = EVERY_SECONDS) -> None:
    """Run for the life of the process: again and again, because replicas that do not have the new key first yet go on
    sealing under the old one."""
    while True:
        try:
            wrapped, unreadable = await rewrap_once(records)
            if wrapped or unreadable:
                newest = records.seal.keys.newest
                log.info("vault.rewrapped", accounts=wrapped, unreadable=unreadable, key=newest)
        except RetryLater as error:
            log.warning("vault.rewrap_interrupted", reason=str(error))
        await asyncio.sleep(every_seconds)


async def rewrap_once(records: AccountRecords, *, page: int = PAGE) -> tuple[int, int]:
    """How many accounts were put under the newest key, and how many could not be opened. One walk over all of them:
    those that do not open do not hide the rest, and two replicas that disagree do not chase each other. Raises
    RetryLater."""
    older, wrapped, failed = records.seal.keys.older, 0, 0
    cursor: str | None = None
    while older:
        found, cursor = await records.sealed_under(older, limit=page, cursor=cursor)
        for record in found:
            try:
                wrapped += await records.wrap_again(record)
            except (Unsealable, KeyMissing):
                failed += 1
        if cursor is None:
            break
    return wrapped, failed
