"""How is a server made to hold its connections and answer nothing, surely and not a moment later?"""

import nats.errors

from service_kit.connection import Connection
from tests.support.start_servers import NatsServer
from tests.support.wait_until import wait_until


async def silence(server: NatsServer, connection: Connection) -> None:
    """Pause it, and return once a question was left without an answer: the signal takes its time."""
    impatient = connection.client.jetstream(timeout=0.1)

    async def is_silent() -> bool:
        try:
            await impatient.account_info()
        except (nats.errors.Error, TimeoutError):
            return True
        return False

    server.pause()
    await wait_until(is_silent)
