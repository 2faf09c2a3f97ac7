"""The ESEARCH command (RFC 7377): a search of mailboxes that need not be selected."""

from dataclasses import dataclass
from enum import Enum

from pillarbox.imap.wire.limits import SEARCH_MAILBOXES, SEARCH_SOURCES
from pillarbox.imap.wire.reader import Reader
from pillarbox.imap.wire.search import Search, parse_search
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.search import Key


class Which(Enum):
    """filter-mailboxes, as RFC 7377 2.2 has it: no SELECTED-DELAYED, and SUBTREE-ONE."""

    SELECTED = "SELECTED"
    INBOXES = "INBOXES"
    PERSONAL = "PERSONAL"
    SUBSCRIBED = "SUBSCRIBED"
    SUBTREE = "SUBTREE"
    SUBTREE_ONE = "SUBTREE-ONE"
    MAILBOXES = "MAILBOXES"


_NAMED = (Which.SUBTREE, Which.SUBTREE_ONE, Which.MAILBOXES)


@dataclass(frozen=True, slots=True)
class Source:
    """`mailboxes` has names where `which` takes some."""

    which: Which
    mailboxes: tuple[str, ...] = ()


SELECTED = (Source(Which.SELECTED),)


@dataclass(frozen=True, slots=True)
class Multisearch:
    """Without source options `sources` is `SELECTED` (RFC 7377 2.2). `search` speaks of UIDs always."""

    search: Search
    sources: tuple[Source, ...] = SELECTED

    def mentions(self, key: type[Key]) -> bool:
        return self.search.mentions(key)

    @property
    def only_selected(self) -> bool:
        return all(source.which is Which.SELECTED for source in self.sources)


def parse_multisearch(reader: Reader) -> Multisearch:
    """esearch = "ESEARCH" [SP "IN" SP "(" source-mbox ")"] [SP search-return-opts] SP search-program

    Of scope-options, which may follow source-mbox, none are defined.
    """
    sources: tuple[Source, ...] = SELECTED
    if reader.maybe_token(b" IN "):
        named = 0

        def one() -> Source:
            nonlocal named
            source = _source(reader)
            named += len(source.mailboxes)
            if named > SEARCH_MAILBOXES:
                raise PeerSyntax(f"More than {SEARCH_MAILBOXES} mailboxes named in one ESEARCH")
            return source

        sources = tuple(reader.listed(one, SEARCH_SOURCES, "sources"))
    return Multisearch(parse_search(reader, uid=True), sources)


def _source(reader: Reader) -> Source:
    """filter-mailboxes (RFC 5465 8)"""
    word = reader.word("Which mailboxes")
    try:
        which = Which(word)
    except ValueError:
        raise PeerSyntax(f"ESEARCH knows no mailboxes called {word[:40]}") from None
    if which not in _NAMED:
        return Source(which)
    reader.space()
    if reader.peek() == b"(":
        return Source(which, tuple(reader.listed(reader.mailbox, SEARCH_MAILBOXES, "mailboxes")))
    return Source(which, (reader.mailbox(),))
