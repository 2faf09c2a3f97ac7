"""Header fields for FETCH: from what the store has kept of them (`store.header_rows`), or from the messages.

Where they are from, they are literals ready to be sent, and whole columns of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pillarbox.imap.wire.fetch_plan import HeaderList, literal
from pillarbox.message import section
from pillarbox.store import blobs

if TYPE_CHECKING:
    from pillarbox.imap.session import Session

OPENED = 32  # messages opened at once
MOST = 8 << 20  # octets of the headers that are opened for one piece of an answer


async def literals(
    session: Session,
    lineage: str,
    wanted: HeaderList,
    emails: Sequence[int],
) -> list[bytes | None]:
    """One for each email; None where the message has been erased. `TooLong`: too much to be held together."""
    kept = session.store.header_rows
    out = kept.find(session.account, lineage, wanted.key, emails)
    missing = [number for number, found in enumerate(out) if found is None]
    made: list[tuple[int, bytes]] = []
    room = MOST
    for start in range(0, len(missing), OPENED):
        if start:
            await asyncio.sleep(0)  # others have their turn
        numbers = missing[start : start + OPENED]
        headers = await session.store.read(
            session.account, blobs.headers, [emails[number] for number in numbers], room
        )
        for number, header in zip(numbers, headers):
            if header is not None:
                room -= len(header)
                out[number] = lines = literal(section.fields(header, wanted.names, False))
                made.append((emails[number], lines))
    kept.keep(session.account, lineage, wanted.key, made)
    return out
