"""A strict reader of ENVELOPE and BODYSTRUCTURE (RFC 9051 9), written without looking at the writer.

It takes nothing the grammar does not allow; what it returns is plain lists, strings and numbers.
"""

import re
from dataclasses import dataclass

_STRING = re.compile(rb'"((?:[\x01-\x09\x0b\x0c\x0e-!#-\[\]-\x7f]|\\["\\])*+)"|\{(\d+)\}\r\n')
_NUMBER = re.compile(rb"0|[1-9]\d*")


class Wrong(Exception):
    pass


@dataclass
class Body:
    """What a body says; `parts` for a multipart, `inner` for a message/rfc822."""

    kind: bytes = b"multipart"
    subkind: bytes = b""
    parameters: list[tuple[bytes, bytes]] | None = None
    identifier: bytes | None = None
    description: bytes | None = None
    encoding: bytes = b""
    octets: int = 0
    lines: int | None = None
    envelope: list[object] | None = None
    inner: "Body | None" = None
    parts: "list[Body] | None" = None
    md5: bytes | None = None
    disposition: tuple[bytes, list[tuple[bytes, bytes]] | None] | None = None
    languages: list[bytes] | None = None
    location: bytes | None = None


class Reader:
    def __init__(self, text: bytes) -> None:
        self.text = text
        self.at = 0

    def take(self, token: bytes) -> None:
        if not self.text.startswith(token, self.at):
            raise Wrong(f"{token!r} expected at {self.text[self.at : self.at + 30]!r}")
        self.at += len(token)

    def sees(self, token: bytes) -> bool:
        return self.text.startswith(token, self.at)

    def string(self) -> bytes:
        match = _STRING.match(self.text, self.at)
        if match is None:
            raise Wrong(f"string expected at {self.text[self.at : self.at + 30]!r}")
        self.at = match.end()
        if match[2] is None:
            return re.sub(rb"\\(.)", rb"\1", match[1])
        literal = self.text[self.at : self.at + int(match[2])]
        if len(literal) != int(match[2]) or b"\0" in literal:
            raise Wrong("literal")
        self.at += len(literal)
        return literal

    def nstring(self) -> bytes | None:
        if self.sees(b"NIL"):
            self.take(b"NIL")
            return None
        return self.string()

    def number(self) -> int:
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            raise Wrong(f"number expected at {self.text[self.at : self.at + 30]!r}")
        self.at = match.end()
        return int(match[0])

    def space(self) -> None:
        self.take(b" ")

    def addresses(self) -> list[tuple[bytes | None, ...]] | None:
        if self.sees(b"NIL"):
            self.take(b"NIL")
            return None
        self.take(b"(")
        out = []
        while not out or self.sees(b"("):
            self.take(b"(")
            address = [self.nstring()]
            for _ in range(3):
                self.space()
                address.append(self.nstring())
            self.take(b")")
            out.append(tuple(address))
        self.take(b")")
        return out

    def envelope(self) -> list[object]:
        self.take(b"(")
        out: list[object] = []
        for number in range(10):
            if number:
                self.space()
            out.append(self.addresses() if 2 <= number <= 7 else self.nstring())
        self.take(b")")
        return out

    def parameters(self) -> list[tuple[bytes, bytes]] | None:
        if self.sees(b"NIL"):
            self.take(b"NIL")
            return None
        self.take(b"(")
        out = []
        while not self.sees(b")"):
            if out:
                self.space()
            name = self.string()
            self.space()
            out.append((name, self.string()))
        if not out:
            raise Wrong("empty parameter list")
        self.take(b")")
        return out

    def extension(self, body: Body) -> None:
        self.space()
        if self.sees(b"NIL"):
            self.take(b"NIL")
        else:
            self.take(b"(")
            kind = self.string()
            self.space()
            body.disposition = kind, self.parameters()
            self.take(b")")
        self.space()
        if self.sees(b"("):
            self.take(b"(")
            body.languages = [self.string()]
            while self.sees(b" "):
                self.space()
                body.languages.append(self.string())
            self.take(b")")
        elif (language := self.nstring()) is not None:
            body.languages = [language]
        self.space()
        body.location = self.nstring()

    def body(self, extensible: bool) -> Body:
        body = Body()
        self.take(b"(")
        if self.sees(b"("):
            body.parts = []
            while self.sees(b"("):
                body.parts.append(self.body(extensible))
            self.space()
            body.subkind = self.string().lower()
            if extensible:
                self.space()
                body.parameters = self.parameters()
                self.extension(body)
            self.take(b")")
            return body
        body.kind = self.string().lower()
        self.space()
        body.subkind = self.string().lower()
        self.space()
        body.parameters = self.parameters()
        self.space()
        body.identifier = self.nstring()
        self.space()
        body.description = self.nstring()
        self.space()
        body.encoding = self.string()
        self.space()
        body.octets = self.number()
        if body.kind == b"message" and body.subkind in (b"rfc822", b"global"):
            self.space()
            body.envelope = self.envelope()
            self.space()
            body.inner = self.body(extensible)
        if body.kind == b"multipart":
            raise Wrong("a multipart without parts")
        if body.kind == b"text" or body.envelope is not None:
            self.space()
            body.lines = self.number()
        if extensible:
            self.space()
            body.md5 = self.nstring()
            self.extension(body)
        self.take(b")")
        return body


def read_envelope(text: bytes) -> list[object]:
    reader = Reader(text)
    out = reader.envelope()
    if reader.at != len(text):
        raise Wrong("something after the envelope")
    return out


def read_body(text: bytes, *, extensible: bool = True) -> Body:
    reader = Reader(text)
    out = reader.body(extensible)
    if reader.at != len(text):
        raise Wrong("something after the body")
    return out
