"""SELECT, EXAMINE, CHECK, CLOSE, UNSELECT (RFC 9051 6.3.2, 6.3.3, 6.4.1, 6.4.2; RFC 3501 6.4.1)."""

import re
from dataclasses import dataclass
from functools import lru_cache

from pillarbox.imap.wire.limits import OBJECT_IDS
from pillarbox.imap.wire.reader import MEMO_LENGTH, Reader
from pillarbox.imap.wire.strings import Kind
from pillarbox.model import numbers
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.numbers import STAR, Ranges

# Keys in capitals, identifiers as written (draft-ietf-mailmaint-imap-objectid-bis 10, objectid-kvpair).
Pairs = tuple[tuple[str, str], ...]
_OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class Qresync:
    """`QRESYNC (uidvalidity modseq [known-uids [(numbers uids)]])` of RFC 7162 3.2.5. The two match sets
    name as many messages."""

    uidvalidity: int
    modseq: int
    known: Ranges = ()
    match_numbers: Ranges = ()
    match_uids: Ranges = ()


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT, or EXAMINE when `read_only`. The parameters are data: whether they are offered is not
    decided here."""

    mailbox: str
    read_only: bool = False
    condstore: bool = False
    qresync: Qresync | None = None
    objectid: Pairs | None = None  # () without arguments
    old_name: str | None = None  # see `Reader`


@dataclass(frozen=True, slots=True)
class Check:
    pass


@dataclass(frozen=True, slots=True)
class Close:
    pass


@dataclass(frozen=True, slots=True)
class Unselect:
    pass


@dataclass(frozen=True, slots=True)
class Flags:
    """`* FLAGS (...)`: the flags that exist in the mailbox."""

    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    count: int


@dataclass(frozen=True, slots=True)
class Recent:
    """RFC 3501 7.3.2; never sent to a client that enabled IMAP4rev2."""

    count: int


def parse_select(reader: Reader, *, read_only: bool = False) -> Select:
    """select = "SELECT" SP mailbox [SP "(" select-param *(SP select-param) ")"]   (RFC 4466 2.4)"""
    rest = reader.rest()
    if len(rest) <= MEMO_LENGTH and not rest.endswith((b")", b"}")):
        try:
            found = _remembered(rest, reader.utf8, read_only)
        except PeerSyntax:
            pass  # once more, to say where in the command
        else:
            reader.skip(rest)
            return found
    return _select(reader, read_only)


@lru_cache(maxsize=256)
def _remembered(rest: bytes, utf8: bool, read_only: bool) -> Select:
    """Without parameters, which hold other numbers each time: clients open the same few mailboxes."""
    reader = Reader([rest], utf8)
    found = _select(reader, read_only)
    reader.end()
    return found


def _select(reader: Reader, read_only: bool) -> Select:
    reader.space()
    mailbox, old_name = reader.mailbox_and_old_name()
    if not reader.maybe(b" "):
        return Select(mailbox, read_only, old_name=old_name)
    given: set[str] = set()
    qresync: Qresync | None = None
    objectid: Pairs | None = None

    def parameter() -> None:
        nonlocal qresync, objectid
        name = reader.word("A select parameter")
        if name in given or name not in ("CONDSTORE", "QRESYNC", "OBJECTID"):
            reader.fail("Another select parameter than " + name[:40])
        given.add(name)
        if name == "QRESYNC":
            qresync = _qresync(reader)
        elif name == "OBJECTID":
            objectid = _object_ids(reader)

    reader.listed(parameter, 3, "select parameters")
    return Select(mailbox, read_only, "CONDSTORE" in given, qresync, objectid, old_name)


def _object_ids(reader: Reader) -> Pairs:
    """[SP "(" objectid-kvpair *(SP objectid-kvpair) ")"]"""
    if not reader.rest().startswith(b" ("):
        return ()
    reader.space()

    def pair() -> tuple[str, str]:
        key = reader.word("The key of an identifier")
        reader.space()
        return key, reader.take(_OBJECT_ID, "An identifier")[0].decode("ascii")

    return tuple(reader.listed(pair, OBJECT_IDS, "identifiers"))


def _qresync(reader: Reader) -> Qresync:
    """ "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"   (RFC 7162 7)"""
    reader.space()
    reader.expect(b"(")
    uidvalidity = reader.nz_number("A UIDVALIDITY")
    reader.space()
    modseq = reader.nz_number64("A mod-sequence")
    known: Ranges = ()
    match_numbers: Ranges = ()
    match_uids: Ranges = ()
    if reader.maybe(b" "):
        if reader.peek() != b"(":
            known = _plain(reader)
        if not known or reader.maybe(b" "):
            reader.expect(b"(")
            match_numbers = _plain(reader)
            reader.space()
            match_uids = _plain(reader)
            if _ascending(match_numbers) != _ascending(match_uids):
                reader.fail("As many UIDs as message numbers")
            reader.expect(b")")
    reader.expect(b")")
    return Qresync(uidvalidity, modseq, known, match_numbers, match_uids)


def _plain(reader: Reader) -> Ranges:
    """RFC 7162 7: known-uids and both match sets know no `*`."""
    ranges = reader.ranges()
    if any(STAR in pair for pair in ranges):
        reader.fail('A set without "*"')
    return ranges


def _ascending(ranges: Ranges) -> int:
    """How many numbers there are. RFC 7162 3.2.5.2: both match sets are in ascending order."""
    last = 0
    for low, high in ranges:
        if not last < low <= high:
            raise PeerSyntax("A set to match that ascends expected in QRESYNC")
        last = high
    return numbers.count(ranges)


def parse_check(reader: Reader) -> Check:
    return Check()


def parse_close(reader: Reader) -> Close:
    return Close()


def parse_unselect(reader: Reader) -> Unselect:
    return Unselect()


def encode_flags(response: Flags, kind: Kind) -> bytes:
    return f"* FLAGS ({' '.join(response.flags)})\r\n".encode("ascii")


def encode_exists(response: Exists, kind: Kind) -> bytes:
    return b"* %d EXISTS\r\n" % response.count


def encode_recent(response: Recent, kind: Kind) -> bytes:
    # RFC 9051 Appendix E: rev2 knows no RECENT.
    return b"" if kind.rev2 else b"* %d RECENT\r\n" % response.count
