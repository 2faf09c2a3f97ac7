"""A client that says what it wants and shows the octets that come, without understanding mail."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from tests.oracle import PASSWORD

_LITERAL = re.compile(rb"~?\{(\d+)\}$")


class Answered(AssertionError):
    """The server answered something else than OK."""


class Client:
    def __init__(self, host: str, port: int, user: str) -> None:
        self.socket = socket.create_connection((host, port), 60)
        self.stream = self.socket.makefile("rb")
        self.count = 0
        self.stream.readline()
        self.ok(b'LOGIN "%b" "%b"' % (user.encode(), PASSWORD.encode()))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.socket.close()

    def append(
        self, mailbox: bytes, messages: list[bytes], *, binary: bool = False, dates: Sequence[bytes] = ()
    ) -> None:
        """One APPEND of all the messages, in literals that do not wait; `dates` are quoted."""
        tag = self._tag()
        pieces = [tag + b" APPEND " + mailbox]
        for message, date in zip_longest(messages, dates):
            if date is not None:
                pieces.append(b" " + date)
            pieces += [b" %b{%d+}\r\n" % (b"~" if binary else b"", len(message)), message]
        self.socket.sendall(b"".join([*pieces, b"\r\n"]))
        self._until(tag)

    def ok(self, line: bytes) -> list[list[bytes]]:
        """The untagged responses to a command that must be answered OK: pieces of line, literal, line, ..."""
        tag = self._tag()
        self.socket.sendall(tag + b" " + line + b"\r\n")
        return self._until(tag, line)

    def literals(self, line: bytes) -> dict[int, bytes]:
        """The one literal or string of each FETCH response, by message number."""
        out = {}
        for pieces in self.ok(line):
            found = re.match(rb"\* (\d+) FETCH ", pieces[0])
            if found and len(pieces) > 1:
                out[int(found[1])] = pieces[1]
            elif found and (quoted := re.search(rb' "((?:[^"\\]|\\.)*)"\)$', pieces[0])):
                out[int(found[1])] = re.sub(rb"\\(.)", rb"\1", quoted[1])
        return out

    def _tag(self) -> bytes:
        self.count += 1
        return b"t%d" % self.count

    def _until(self, tag: bytes, line: bytes = b"APPEND") -> list[list[bytes]]:
        out = []
        for pieces in self._responses():
            if pieces[0].startswith(tag + b" "):
                if not pieces[0].startswith(tag + b" OK"):
                    raise Answered(f"{line!r} was answered {pieces[0]!r}")
                return out
            out.append(pieces)
        raise Answered(f"{line!r}: the server closed the connection")

    def _responses(self) -> Iterator[list[bytes]]:
        while line := self.stream.readline():
            pieces = [line.removesuffix(b"\n").removesuffix(b"\r")]
            while announced := _LITERAL.search(pieces[-1]):
                pieces[-1] = pieces[-1][: announced.start()]
                pieces.append(self.stream.read(int(announced[1])))
                pieces.append(self.stream.readline().removesuffix(b"\n").removesuffix(b"\r"))
            yield pieces
