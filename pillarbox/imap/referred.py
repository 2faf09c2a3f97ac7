"""What an IMAP URL names (RFC 5092 6): a message of an account and the octets of it that are meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pillarbox.imap.contents import IDENTITY, contents
from pillarbox.imap.wire.fetch import Item, Partial, What, parse_section
from pillarbox.imap.wire.fetch_plan import Content
from pillarbox.imap.wire.limits import NUMBER64
from pillarbox.message import parts
from pillarbox.message.section import Section
from pillarbox.message.walk import Kind
from pillarbox.model.errors import Code, Refused
from pillarbox.store import blobs, emails, mailboxes

if TYPE_CHECKING:
    from pillarbox.model.actors import Actor
    from pillarbox.model.urls import Url
    from pillarbox.store.blobs import Blob
    from pillarbox.store.store import Store
    from pillarbox.store.tx import Tx

_COLUMNS = ("blob", "size", "header_size", "offsets", "structure")
_NOT_THERE = (Code.NONEXISTENT, Code.NOPERM)


@dataclass(frozen=True, slots=True)
class Referred:
    """A message, and what of it: `section` and `partial` as in BODY.PEEK[section]<partial>."""

    row: dict[str, Any]
    blob: Blob
    section: Section
    partial: Partial | None

    async def content(self, what: What = "SECTION") -> Content:
        """As FETCH would answer it; None where the message has no such part."""
        item = Item(what, b"", self.section, self.partial)
        [content] = await contents((item,), self.row, self.blob)
        return content

    def encoded(self) -> Section | None:
        """What of the message has a transfer encoding to be undone; None where there is none, as in composite
        parts (RFC 2045 6.4) and headers."""
        table = parts.unpack(self.row["offsets"])
        part = parts.find(table, self.section.path)
        if part is not None and self.section.what == "TEXT":
            # The body of a message, whose only part is that body, or which is a multipart.
            if part.kind is Kind.MESSAGE:
                part = table.parts[part.children[0]]
        elif self.section.what or not self.section.path:
            return None
        if part is None or part.children or part.encoding in IDENTITY:
            return None
        return Section(part.path)


async def refer(store: Store, account: int, actor: Actor, url: Url) -> Referred | None:
    """What `actor` finds under `url` in `account`. None where that is no message, or is not there any more;
    `PeerSyntax` where its section is no section."""
    if url.mailbox is None or url.uid is None:
        return None
    section = parse_section(url.section)
    partial = None
    if url.partial is not None:
        first, count = url.partial
        partial = Partial(first, NUMBER64 if count is None else count)
    try:
        found = await store.read(account, _look, actor, url.mailbox, url.uidvalidity, url.uid)
    except Refused as refused:
        if refused.code not in _NOT_THERE:
            raise
        return None
    return None if found is None else Referred(*found, section, partial)


def _look(
    tx: Tx, actor: Actor, path: str, uidvalidity: int | None, uid: int
) -> tuple[dict[str, Any], Blob] | None:
    mailbox = mailboxes.find(tx, actor, path)
    # RFC 5092 6: a URL of another UIDVALIDITY is stale.
    if mailbox is None or uidvalidity not in (None, mailbox.uidvalidity):
        return None
    for row in emails.rows(tx, actor, mailbox.id, uid, uid, _COLUMNS):
        return dict(zip(_COLUMNS, row)), blobs.open_blob(tx, row[0])
    return None
