"""How do documents that are good for a while leave the store?"""

from document_store import Between, DocumentStore, VersionConflict

SWEPT_MAX = 1_000


async def remove_expired(store: DocumentStore, collection: str, *, now_ms: int) -> None:
    """Remove documents whose `expires_ms` (an indexed field) is over, SWEPT_MAX at most. One that was changed meanwhile
    stays for the next time."""
    page = await store.find(collection, [Between("expires_ms", below=now_ms)], limit=SWEPT_MAX)
    for document in page.documents:
        try:
            await store.delete(collection, document.id, expected_version=document.version)
        except VersionConflict:
            continue
