"""What does the customers' side stand on?"""

import asyncio
import secrets
from collections.abc import Callable
from functools import partial

from document_store import DocumentStore
from hil_inbox.adapters.customer_documents import CustomerDocuments
from hil_inbox.adapters.customer_tokens import CustomerTokens, public_key
from hil_inbox.adapters.key_wakes import KeyWakes
from hil_inbox.api.chat_office import ChatOffice, ChatRates
from hil_inbox.handlers.customer_chat import ChatDesk
from hil_inbox.settings import Settings, listed
from service_kit.archive import Archive, WholeLog
from service_kit.bus import publish
from service_kit.connection import Connection
from service_kit.log import Log


def open_chat(
    settings: Settings, connection: Connection, store: DocumentStore, *, now_ms: Callable[[], int], stop: asyncio.Event
) -> ChatOffice | None:
    """The customers' side; None where no secret is set for it."""
    if settings.chat_secret is None:
        return None
    key_file = settings.chat_customer_public_key_file
    tokens = CustomerTokens(
        settings.chat_secret,
        listed(settings.chat_tenants),
        settings.chat_session_seconds,
        draw=lambda: secrets.token_hex(16),
        customer_secret=settings.chat_customer_secret,
        customer_public_key=None if key_file is None else public_key(key_file),
    )
    documents = CustomerDocuments(store)
    desk = ChatDesk(
        log=WholeLog(Log(connection), Archive(connection)),
        documents=documents,
        wakes=KeyWakes(connection),
        publish=partial(publish, connection),
        name_of=documents.full_name,
        now_ms=now_ms,
    )
    rates = ChatRates.of(
        sessions_per_minute=settings.chat_sessions_per_minute, messages_per_minute=settings.chat_messages_per_minute
    )
    return ChatOffice(
        desk,
        tokens,
        rates,
        stop,
        lets_strangers_in=settings.chat_anonymous,
        proxies_trusted=settings.chat_proxies_trusted,
        workflow=settings.chat_workflow,
    )
