"""The tokeniser: one command as [line, literal, line, literal, ..., line], read from left to right.

Rules of the place:
* every method either takes what it is named after or raises `PeerSyntax` with a sentence that says what was
  expected and at which octet of the command;
* the grammar is RFC 9051 section 9 to the letter: one space is one space, atoms are ASCII, no NUL and no
  bare CR or LF anywhere but in literals; 8-bit octets stand in literals, and in quoted strings only where
  the client has switched on UTF-8 (RFC 9051 4.3, RFC 6855 3);
* nothing here knows a command.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NoReturn, TypeVar
from unicodedata import is_normalized

from pillarbox.imap.wire import mailbox_name
from pillarbox.imap.wire.limits import LIST_WILDCARDS, NUMBER, NUMBER64
from pillarbox.imap.wire.literal import ANNOUNCEMENT, Literal, literal_at_end
from pillarbox.model import names
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.flags import FlagSet, canonical, is_system
from pillarbox.model.numbers import STAR, Ranges
from pillarbox.model.search import Saved

T = TypeVar("T")

# Arguments of up to so many octets may be remembered by their bytes: long enough for every list of header
# fields that clients use, short enough that a hostile client cannot fill the memory with lists.
MEMO_LENGTH = 600

# Which messages a command is about: what the client wrote, or `$` (RFC 9051 6.4.4.1).
Numbers = Ranges | Saved


@dataclass(frozen=True, slots=True)
class DateTime:
    """`date-time` as the store keeps it: seconds since 1970 in UTC, zone in minutes east."""

    at: int
    zone: int


# ATOM-CHAR = any CHAR except "(" / ")" / "{" / SP / CTL / list-wildcards / DQUOTE / "\" / "]"
# ASTRING-CHAR = ATOM-CHAR / "]"         list-char = ASTRING-CHAR / "%" / "*"
_CTL_AND_8BIT = rb"\x00-\x20\x7f-\xff"
_ATOM = re.compile(rb'[^(){%*"\\\]' + _CTL_AND_8BIT + rb"]+")
_ASTRING = re.compile(rb'[^(){%*"\\' + _CTL_AND_8BIT + rb"]+")
_LIST_CHARS = re.compile(rb'[^(){"\\' + _CTL_AND_8BIT + rb"]+")
# quoted = DQUOTE *QUOTED-CHAR DQUOTE
_QUOTED_ASCII = re.compile(rb'"([^"\\\x80-\xff]*(?:\\["\\][^"\\\x80-\xff]*)*)"')
_QUOTED_UTF8 = re.compile(rb'"([^"\\]*(?:\\["\\][^"\\]*)*)"')
_ESCAPE = re.compile(rb"\\(.)")
_FORBIDDEN = re.compile(rb"[\x00\r\n]")
_DIGITS = re.compile(rb"[0-9]+")
_FLAG = re.compile(rb"\\?" + _ATOM.pattern)
# seq-number = nz-number / "*"    sequence-set = (seq-number / seq-number ":" seq-number) ["," sequence-set]
_SEQ_NUMBER = rb"(?:[1-9][0-9]{0,9}|\*)"
_SEQ_PART = _SEQ_NUMBER + rb"(?::" + _SEQ_NUMBER + rb")?"
_SEQUENCE_SET = re.compile(_SEQ_PART + rb"(?:," + _SEQ_PART + rb")*+")
_MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_MONTH = {name: number for number, name in enumerate(_MONTHS, 1)}
_DATE = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
_DATE_TIME = re.compile(
    rb'"((?: |[0-9])[0-9])-([A-Za-z]{3})-([0-9]{4}) '
    rb'([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60) ([+-])([01][0-9]|2[0-3])([0-5][0-9])"'
)
_EPOCH = date(1970, 1, 1).toordinal()


class Reader:
    """A cursor over the pieces of one command. `utf8`: see the rules of the place."""

    __slots__ = ("_index", "_line", "_pieces", "_pos", "utf8")

    def __init__(self, pieces: Sequence[bytes], utf8: bool = False, start: int = 0) -> None:
        self._pieces = pieces
        self._index = 0
        self._line = pieces[0] if pieces else b""
        self._pos = start
        self.utf8 = utf8
        self._check_line()

    # Where we are.

    def fail(self, expected: str) -> NoReturn:
        before = sum(len(piece) for piece in self._pieces[: self._index])
        raise PeerSyntax(f"{expected} expected at octet {before + self._pos + 1} of the command")

    def at_end(self) -> bool:
        return self._pos == len(self._line) and self._index + 1 >= len(self._pieces)

    def end(self) -> None:
        if not self.at_end():
            self.fail("End of the command")

    def peek(self) -> bytes:
        """The next octet of the line, b"" at its end."""
        return self._line[self._pos : self._pos + 1]

    def rest(self) -> bytes:
        """What is left of the present line, not taken."""
        return self._line[self._pos :]

    # Punctuation.

    def maybe(self, token: bytes) -> bool:
        if self._line.startswith(token, self._pos):
            self._pos += len(token)
            return True
        return False

    def maybe_token(self, token: bytes) -> bool:
        """Like `maybe`, whatever the case; `token` in capitals and with the spaces that belong to it."""
        end = self._pos + len(token)
        if self._line[self._pos : end].upper() == token:
            self._pos = end
            return True
        return False

    def expect(self, token: bytes) -> None:
        if not self.maybe(token):
            self.fail("A space" if token == b" " else f'"{token.decode("ascii")}"')

    def space(self) -> None:
        self.expect(b" ")

    def listed(self, one: Callable[[], T], most: int, what: str) -> list[T]:
        """`"(" one *(SP one) ")"`, at least one and at most `most`."""
        self.expect(b"(")
        found = [one()]
        while self.maybe(b" "):
            if len(found) == most:
                raise PeerSyntax(f"More than {most} {what} in one list")
            found.append(one())
        self.expect(b")")
        return found

    # Words.

    def take(self, token: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        """What `token` matches right here; for words that only one family knows."""
        found = token.match(self._line, self._pos)
        if not found:
            self.fail(what)
        self._pos = found.end()
        return found

    def atom(self, what: str = "An atom") -> str:
        return self.take(_ATOM, what)[0].decode("ascii")

    def word(self, what: str = "A word") -> str:
        """An atom that the grammar defines, in capitals: its case means nothing (RFC 9051 9)."""
        return self.take(_ATOM, what)[0].decode("ascii").upper()

    def astring(self, what: str = "A string") -> bytes:
        found = _ASTRING.match(self._line, self._pos)
        if found:
            self._pos = found.end()
            return found[0]
        return self.string(what)

    def string(self, what: str = "A string") -> bytes:
        head = self.peek()
        if head == b'"':
            inside: bytes = self.take(
                _QUOTED_UTF8 if self.utf8 else _QUOTED_ASCII, f"{what}, correctly quoted,"
            )[1]
            if b"\\" in inside:
                inside = _ESCAPE.sub(rb"\1", inside)
            if self.utf8 and not inside.isascii():
                self.text(inside, what)
            return inside
        if head == b"{":
            return self._literal(what)
        self.fail(what)

    def nstring(self, what: str = "A string or NIL") -> bytes | None:
        if self.maybe_token(b"NIL"):
            return None
        return self.string(what)

    def maybe_match(self, token: re.Pattern[bytes]) -> bytes:
        """What `token` matches right here, b"" for nothing."""
        found = token.match(self._line, self._pos)
        if not found:
            return b""
        self._pos = found.end()
        return found[0]

    def skip(self, known: bytes) -> None:
        """Passes over `known`, which `rest` has shown to stand here."""
        self._pos += len(known)

    def at_announcement(self) -> bool:
        """The rest of the line announces a literal."""
        return ANNOUNCEMENT.match(self._line, self._pos) is not None

    def announcement(self, what: str) -> Literal:
        """The announcement of a literal whose octets do not pass through here."""
        literal = literal_at_end(self.rest()) if self.at_announcement() else None
        if not literal or self._index + 1 != len(self._pieces):
            self.fail(what)
        self._pos = len(self._line)
        return literal

    def text(self, raw: bytes, what: str) -> str:
        """`raw`, just read, as text."""
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise PeerSyntax(f"{what} is not valid UTF-8") from None

    # Numbers.

    def nz_number(self, what: str = "A non-zero number") -> int:
        return self._number(what, 1, NUMBER)

    def number64(self, what: str = "A number") -> int:
        return self._number(what, 0, NUMBER64)

    def nz_number64(self, what: str = "A non-zero number") -> int:
        return self._number(what, 1, NUMBER64)

    def numbers(self) -> Numbers:
        """sequence-set, or `$` for the saved result (RFC 9051 9, seq-last-command)."""
        return Saved() if self.maybe(b"$") else self.ranges()

    def ranges(self) -> Ranges:
        written = self.take(_SEQUENCE_SET, "A sequence set")[0]
        if written.isdigit():
            only = int(written)
            pairs: Ranges = ((only, only),)
        else:
            pairs = tuple(
                [
                    (_seq_number(low), _seq_number(high) if colon else _seq_number(low))
                    for low, colon, high in [part.partition(b":") for part in written.split(b",")]
                ]
            )
        if any(low > NUMBER or high > NUMBER for low, high in pairs):
            raise PeerSyntax("A number in the sequence set is not a 32-bit number")
        return pairs

    # Names, flags, dates.

    def mailbox(self) -> str:
        return self.mailbox_and_old_name()[0]

    def mailbox_and_old_name(self) -> tuple[str, str | None]:
        """The name, and how the client spelled it where that is not NFC (RFC 9051 6.3.9.7, OLDNAME)."""
        written = mailbox_name.decode(self.astring("A mailbox name"), self.utf8)
        return names.normalise(written), None if is_normalized("NFC", written) else written

    def pattern(self) -> str:
        """list-mailbox: a mailbox name that may hold wildcards, not normalised (`names.pattern` does)."""
        found = _LIST_CHARS.match(self._line, self._pos)
        if found:
            self._pos = found.end()
            raw = found[0]
        else:
            raw = self.string("A mailbox pattern")
        if raw.count(b"*") + raw.count(b"%") > LIST_WILDCARDS:
            raise PeerSyntax(f"More than {LIST_WILDCARDS} wildcards in one pattern")
        return mailbox_name.decode(raw, self.utf8)

    def reference(self) -> str:
        """A LIST reference: a mailbox name whose trailing separator counts (RFC 9051 6.3.9)."""
        return mailbox_name.decode(self.astring("A reference name"), self.utf8)

    def flag(self) -> str:
        return self.take(_FLAG, "A flag")[0].decode("ascii")

    def flag_list(self) -> FlagSet:
        """`"(" [flag *(SP flag)] ")"`.

        RFC 9051 7.1 (PERMANENTFLAGS) has the server ignore flags that cannot be stored: \\Recent, and
        system flags nobody has defined.
        """
        if self.maybe(b"()"):
            return ()
        self.expect(b"(")
        found = self.flags()
        self.expect(b")")
        return found

    def flags(self) -> FlagSet:
        """flag *(SP flag)"""
        found = [self.flag()]
        while self.maybe(b" "):
            found.append(self.flag())
        return canonical(flag for flag in found if flag[0] != "\\" or is_system(flag))

    def date(self) -> int:
        """A calendar day, as days since 1970-01-01."""
        found = self.take(_DATE, "A date like 1-Feb-1994")
        return self._day(found[2], found[3], found[4])

    def date_time(self) -> DateTime:
        found = self.take(_DATE_TIME, 'A date and time like " 1-Feb-1994 21:52:25 -0800"')
        zone = int(found[8]) * 60 + int(found[9])
        if found[7] == b"-":
            zone = -zone
        clock = int(found[4]) * 3600 + int(found[5]) * 60 + int(found[6])
        return DateTime(self._day(found[1], found[2], found[3]) * 86400 + clock - zone * 60, zone)

    # Below the grammar.

    def _number(self, what: str, least: int, most: int) -> int:
        written = self.take(_DIGITS, what)[0]
        digits = written.lstrip(b"0") or b"0"
        # RFC 9051 9: nz-number starts with 1-9; more digits than the range has are not worth converting.
        if (least and written[:1] == b"0") or len(digits) > 19 or int(digits) > most:
            self._pos -= len(written)
            self.fail(f"{what} of at most {most}")
        return int(digits)

    def _day(self, day: bytes, month: bytes, year: bytes) -> int:
        try:
            return date(int(year), _MONTH[month.lower()], int(day)).toordinal() - _EPOCH
        except (KeyError, ValueError):
            raise PeerSyntax("There is no such day in the calendar") from None

    def _literal(self, what: str) -> bytes:
        announced = ANNOUNCEMENT.match(self._line, self._pos)
        if not announced or self._index + 2 >= len(self._pieces):
            self.fail(what)
        octets = self._pieces[self._index + 1]
        # RFC 9051 9: literal holds CHAR8, which excludes NUL; literal8 belongs to APPEND alone.
        if b"\0" in octets:
            raise PeerSyntax("A literal that is not binary holds a NUL octet")
        self._index += 2
        self._line = self._pieces[self._index]
        self._pos = 0
        self._check_line()
        return octets

    def _check_line(self) -> None:
        found = _FORBIDDEN.search(self._line)
        if found:
            self._pos = found.start()
            self.fail("Anything but NUL, CR or LF")


def _seq_number(written: bytes) -> int:
    return STAR if written == b"*" else int(written)
