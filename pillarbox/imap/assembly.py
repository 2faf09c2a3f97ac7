"""A command on its way in, when it does not fit in one line: lines and literals in turn.

Rules of the place:
* every size is checked when it is announced, before an octet of it is kept (RFC 7888 4);
* what is wrong with a command is remembered and answered at its end. Until then literals that the client
  sends without waiting are read and dropped, because taken for commands they would let a message body
  speak for its reader.
"""

from dataclasses import dataclass, field

from pillarbox.imap.wire import limits
from pillarbox.imap.wire.literal import Literal
from pillarbox.imap.wire.response import ResponseCode
from pillarbox.model.errors import Code


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the command is answered BAD, whatever else it says."""

    text: str
    code: ResponseCode | None = None


@dataclass(slots=True)
class Assembly:
    """`pieces` as the parser wants them: line, literal, line, ..., line."""

    logged_in: bool
    pieces: list[bytes] = field(default_factory=list)
    fault: Fault | None = None
    dropping: bool = False  # the literal that comes now
    _size: int = 0
    _literals: int = 0
    _parts: list[bytes] = field(default_factory=list)

    def line(self, line: bytes) -> None:
        self._size += len(line)
        most = limits.COMMAND if self.logged_in else limits.LINE_BEFORE_LOGIN
        if self._size > most:
            self.wrong(Fault(f"The command is longer than {most} octets", Code.LIMIT))
        if self.fault is None or not self.pieces:
            self.pieces.append(line)

    def wrong(self, fault: Fault) -> None:
        """Remember the first fault and forget everything after the first line, which has the tag."""
        if self.fault is None:
            self.fault = fault
            del self.pieces[1:]

    def expect(self, literal: Literal) -> None:
        """The literal announced by the line just given comes next, if the client need not wait for us."""
        most = limits.LITERALS if self.logged_in else limits.LITERAL_BEFORE_LOGIN
        self._literals += literal.size
        if self._literals > most:
            self.wrong(Fault(f"The literals of one command have at most {most} octets", Code.TOOBIG))
        self._size += literal.size if self.fault is None else 0
        self.dropping = self.fault is not None

    def octets(self, piece: bytes, last: bool) -> None:
        if not self.dropping:
            self._parts.append(piece)
            if last:
                self.pieces.append(b"".join(self._parts))
                self._parts.clear()
