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


async def rewrap_once(records: AccountRecords) -> tuple[int, int]:
    """How many accounts were put under the newest key, and how many could not be opened. Raises RetryLater."""
    older, wrapped = records.seal.keys.older, 0
    if not older:
        return 0, 0
    while True:
        found = await records.sealed_under(older, limit=PAGE)
        failed = 0
        for record in found:
            try:
                wrapped += await records.wrap_again(record)
            except (Unsealable, KeyMissing):
                failed += 1
        if len(found) < PAGE or failed == len(found):
            return wrapped, failed
