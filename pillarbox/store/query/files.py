"""Which messages have a file of some name in them.

Names of files are among the texts of the body, so the index narrows; whether what it found is the name of a
file is asked of the messages.
"""

from __future__ import annotations

from functools import partial

from pillarbox.message.casemap import fold_text
from pillarbox.message.filenames import file_names
from pillarbox.message.searchable import Documents
from pillarbox.message.walk import walk
from pillarbox.model import masks, search
from pillarbox.model.masks import Mask
from pillarbox.store.blobs import Blob
from pillarbox.store.query.plan import Step
from pillarbox.store.query.question import Stored
from pillarbox.store.query.texts import Texts


async def matching(texts: Texts, key: search.FileName, candidates: Mask) -> tuple[Mask, tuple[Step, ...]]:
    found, narrowing = await texts.matching(search.Body(key.needle), candidates)
    judge = partial(_has_file, fold_text(key.needle))
    wanted = await texts.mailbox.emails(found)
    named = {email async for email, matches in texts.judged(judge, wanted) if matches}
    narrowed = masks.size(found)
    found &= await texts.mailbox.places(named)
    step = Step(key, "messages", narrowed, masks.size(found), read=len(wanted))
    return found, (narrowing, step)


def _has_file(needle: str, documents: Documents | None, blob: Blob, stored: Stored) -> bool:
    pending = [walk(blob.read(0, blob.size))]
    while pending:
        node = pending.pop()
        pending += node.children
        if any(needle in fold_text(name) for name in file_names(node.fields, node.content.parameters)):
            return True
    return False
