"""How is everything read that a question finds, however much it is?"""

from collections.abc import AsyncIterator, Sequence

from document_store.protocol import Condition, Document, DocumentStore, Sort


async def all_pages(
    store: DocumentStore, collection: str, where: Sequence[Condition] = (), *, sort: Sequence[Sort] = (), size: int
) -> AsyncIterator[Sequence[Document]]:
    """Documents, `size` at most at a time. Who has enough stops to ask. Raises as `find` does."""
    cursor: str | None = None
    while True:
        page = await store.find(collection, where, sort=sort, limit=size, cursor=cursor)
        yield page.documents
        cursor = page.next_cursor
        if cursor is None:
            return
