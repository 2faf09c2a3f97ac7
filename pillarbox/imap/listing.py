"""What is told of mailboxes, by LIST and STATUS and to those who hear of changes: attributes and counters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pillarbox.imap import objectid
from pillarbox.imap.wire.list import SelectOption, StatusItem
from pillarbox.model import ids
from pillarbox.store.mailboxes import MailboxRow, Status

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


@dataclass(frozen=True, slots=True)
class Names:
    """The account's mailboxes and subscriptions as LIST looks at them."""

    rows: dict[str, MailboxRow]  # in the order they are listed
    subscribed: frozenset[str]
    # As it reads: those who ask for subscribed names are also shown the ones that do not exist.

    def satisfying(self, criteria: tuple[SelectOption, ...]) -> list[str]:
        """The names that meet the selection criteria, whatever the patterns."""
        found = list(self.rows)
        if SelectOption.SUBSCRIBED in criteria:
            found = [path for path in found if path in self.subscribed]
            found += sorted(self.subscribed - self.rows.keys())
        if SelectOption.SPECIAL_USE in criteria:
            found = [path for path in found if path in self.rows and self.rows[path].role]
        return found

    def attributes(self, path: str, *, subscribed: bool) -> tuple[str, ...]:
        """RFC 9051 7.3.1; what is known anyway (children, special use) is always told."""
        out = ["\\Subscribed"] if subscribed and path in self.subscribed else []
        row = self.rows.get(path)
        if row is None:
            return (*out, "\\NonExistent")
        if not row.selectable:
            out.append("\\Noselect")
        out.append("\\HasChildren" if row.has_children else "\\HasNoChildren")
        if row.role is not None:
            out.append(row.role.value)
        return tuple(out)


def status_values(
    session: Session, row: MailboxRow, status: Status, items: tuple[StatusItem, ...]
) -> tuple[tuple[StatusItem, int | str | None], ...]:
    values: dict[StatusItem, int | str] = {
        StatusItem.MESSAGES: status.messages,
        StatusItem.UIDNEXT: status.uidnext,
        StatusItem.UIDVALIDITY: status.uidvalidity,
        StatusItem.UNSEEN: status.unseen,
        StatusItem.RECENT: status.recent,
        StatusItem.SIZE: status.size,
        StatusItem.DELETED: status.deleted,
        StatusItem.HIGHESTMODSEQ: status.highest,
        StatusItem.MAILBOXID: ids.spell(ids.Kind.MAILBOX, row.id),
        StatusItem.OBJECTID: objectid.of_mailbox(session, row.id),
        StatusItem.APPENDLIMIT: session.services.settings.append_limit,
    }
    return tuple((item, values[item]) for item in items)
