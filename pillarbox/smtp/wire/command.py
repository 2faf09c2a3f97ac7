"""Commands as plain data, and how each is read from its line (RFC 5321 4.1.1).

`split` finds the verb; `table` knows which of the functions here reads the rest.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from pillarbox.smtp.address import Path, is_host, read_path
from pillarbox.smtp.wire.fault import Fault

# esmtp-param = esmtp-keyword ["=" esmtp-value] (RFC 5321 4.1.2; RFC 6531 3.3 adds UTF-8 to the value)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u00a0-\U0010ffff]+))?")
_DIGITS = re.compile(r"[0-9]{1,20}")  # RFC 1870 3: size-value = 1*20DIGIT

BODIES = ("7BIT", "8BITMIME")


@dataclass(frozen=True, slots=True)
class Hello:
    """LHLO, EHLO or HELO, and what the client calls itself."""

    name: str


@dataclass(frozen=True, slots=True)
class Mail:
    """`sender` is None for the null reverse-path. `size` is the client's word for it (RFC 1870)."""

    sender: Path | None
    size: int | None = None
    body: str = "7BIT"
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Rcpt:
    recipient: Path


@dataclass(frozen=True, slots=True)
class Data:
    pass


@dataclass(frozen=True, slots=True)
class Bdat:
    size: int
    last: bool


@dataclass(frozen=True, slots=True)
class StartTls:
    pass


@dataclass(frozen=True, slots=True)
class Rset:
    pass


@dataclass(frozen=True, slots=True)
class Noop:
    pass


@dataclass(frozen=True, slots=True)
class Quit:
    pass


@dataclass(frozen=True, slots=True)
class Vrfy:
    text: str


@dataclass(frozen=True, slots=True)
class Help:
    topic: str


Command = Hello | Mail | Rcpt | Data | Bdat | StartTls | Rset | Noop | Quit | Vrfy | Help


def split(line: bytes) -> tuple[str, str]:
    """The verb in capitals and the rest of the line, without the white space around it."""
    if b"\0" in line or b"\r" in line:
        raise Fault(500, "5.5.2", "A command has no NUL and no bare CR")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Fault(500, "5.5.2", "A command is ASCII or UTF-8 text") from None
    verb, _, rest = text.partition(" ")
    # RFC 5321 4.1.1: white space behind a command's line is tolerated.
    return verb.rstrip().upper(), rest.strip(" \t")


def read_hello(rest: str) -> Hello:
    if not is_host(rest):
        raise Fault(501, "5.5.4", "Say the name or the address literal of your host")
    return Hello(rest)


def read_mail(rest: str) -> Mail:
    sender, after = read_path(_argument(rest, "FROM"), forward=False)
    size: int | None = None
    body, utf8 = "7BIT", False
    for keyword, value in _parameters(after).items():
        if keyword == "SIZE":
            if value is None or not _DIGITS.fullmatch(value):
                raise Fault(501, "5.5.4", "SIZE is a number of octets")
            size = int(value)
        elif keyword == "BODY":
            body = (value or "").upper()
            if body not in BODIES:
                raise Fault(501, "5.5.4", f"BODY is one of {', '.join(BODIES)}")
        elif keyword == "SMTPUTF8":
            if value is not None:
                raise Fault(501, "5.5.4", "SMTPUTF8 has no value")  # RFC 6531 3.4
            utf8 = True
        else:
            raise _unknown(keyword)
    return Mail(sender, size, body, utf8)


def read_rcpt(rest: str) -> Rcpt:
    recipient, after = read_path(_argument(rest, "TO"), forward=True)
    for keyword in _parameters(after):
        raise _unknown(keyword)
    assert recipient is not None
    return Rcpt(recipient)


def read_bdat(rest: str) -> Bdat:
    # RFC 3030 2: bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CR LF
    size, _, marker = rest.partition(" ")
    if not _DIGITS.fullmatch(size) or marker.upper() not in ("", "LAST"):
        raise Fault(501, "5.5.4", "Say BDAT, the number of octets, and LAST with the last ones")
    return Bdat(int(size), bool(marker))


def read_data(rest: str) -> Data:
    return Data() if not rest else _no_arguments()


def read_starttls(rest: str) -> StartTls:
    return StartTls() if not rest else _no_arguments()


def read_rset(rest: str) -> Rset:
    return Rset() if not rest else _no_arguments()


def read_quit(rest: str) -> Quit:
    return Quit() if not rest else _no_arguments()


def read_noop(rest: str) -> Noop:
    return Noop()  # RFC 5321 4.1.1.9: a parameter is ignored


def read_vrfy(rest: str) -> Vrfy:
    if not rest:
        raise Fault(501, "5.5.4", "Say whom to verify")
    return Vrfy(rest)


def read_help(rest: str) -> Help:
    return Help(rest.upper())


def _argument(rest: str, word: str) -> str:
    """What follows FROM: or TO:."""
    before, colon, path = rest.partition(":")
    if not colon or before.upper() != word:
        raise Fault(501, "5.5.4", f"Say {word}: and a path in angle brackets")
    # Deviates: RFC 5321 3.3 has no space between the colon and the path; many senders write one.
    return path.lstrip(" ")


def _parameters(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    if text and not text.startswith(" "):
        raise Fault(501, "5.5.4", "A space goes between the path and its parameters")
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise Fault(501, "5.5.4", "A parameter is KEYWORD or KEYWORD=value")
        keyword = match[1].upper()
        if keyword in found:
            raise Fault(501, "5.5.4", f"{keyword} is given twice")
        found[keyword] = match[2]
    return found


def _unknown(keyword: str) -> Fault:
    # RFC 5321 4.1.1.11
    return Fault(555, "5.5.4", f"The parameter {keyword} is not known here")


def _no_arguments() -> NoReturn:
    raise Fault(501, "5.5.4", "This command has no arguments")
