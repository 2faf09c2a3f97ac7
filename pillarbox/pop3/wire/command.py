"""Commands as plain data, and how each is read from its line (RFC 1939 3, RFC 2449 3).

`split` finds the keyword; `table` knows which of the functions here reads the rest.
"""

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import NoReturn

from pillarbox.pop3.wire.fault import Fault

_NUMBER = re.compile(r"[0-9]{1,10}")
_KEYWORD = re.compile(rb"[!-~]{3,4}")
_MECHANISM = re.compile(r"[A-Za-z0-9_-]{1,20}")  # RFC 4422 3.1: sasl-mech
_RANGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*")  # RFC 4647 2.1: language-range


@dataclass(frozen=True, slots=True)
class User:
    name: str


@dataclass(frozen=True, slots=True)
class Pass:
    """The password never shows in a repr, so that no log can hold it."""

    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Auth:
    """`initial` is None when there was no initial response and b"" when it was written `=`."""

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Stls:
    pass


@dataclass(frozen=True, slots=True)
class Capa:
    pass


@dataclass(frozen=True, slots=True)
class Utf8:
    pass


@dataclass(frozen=True, slots=True)
class Lang:
    """`wanted` is None where the client asks which languages there are."""

    wanted: str | None


@dataclass(frozen=True, slots=True)
class Stat:
    pass


@dataclass(frozen=True, slots=True)
class List:
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Uidl:
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Retr:
    number: int


@dataclass(frozen=True, slots=True)
class Top:
    number: int
    lines: int


@dataclass(frozen=True, slots=True)
class Dele:
    number: int


@dataclass(frozen=True, slots=True)
class Noop:
    pass


@dataclass(frozen=True, slots=True)
class Rset:
    pass


@dataclass(frozen=True, slots=True)
class Quit:
    pass


Command = (
    User
    | Pass
    | Auth
    | Stls
    | Capa
    | Utf8
    | Lang
    | Stat
    | List
    | Uidl
    | Retr
    | Top
    | Dele
    | Noop
    | Rset
    | Quit
)


def split(line: bytes) -> tuple[str, str]:
    """The keyword in capitals, and what follows the space behind it."""
    if b"\0" in line or b"\r" in line:
        raise Fault("A command has no NUL and no bare CR")
    keyword, _, rest = line.partition(b" ")
    if not _KEYWORD.fullmatch(keyword):
        raise Fault("There is no such command")
    try:
        # RFC 6856 2.2: what is not UTF-8 is rejected.
        return keyword.decode("ascii").upper(), rest.decode("utf-8")
    except UnicodeDecodeError:
        raise Fault("A command is ASCII or UTF-8 text") from None


def read_user(rest: str) -> User:
    name = rest.strip(" ")
    if not name:
        raise Fault("Say USER and a name")
    return User(name)


def read_pass(rest: str) -> Pass:
    # RFC 1939 7: spaces are part of the password.
    if not rest:
        raise Fault("Say PASS and a password")
    return Pass(rest)


def read_auth(rest: str) -> Auth:
    # RFC 5034 5: "AUTH" SP sasl-mech [SP initial-response]
    mechanism, space, initial = rest.rstrip(" ").partition(" ")
    if not _MECHANISM.fullmatch(mechanism):
        raise Fault("Say AUTH and a mechanism; CAPA lists them")
    if not space:
        return Auth(mechanism.upper())
    return Auth(mechanism.upper(), b"" if initial == "=" else response(initial.encode("utf-8")))


def response(line: bytes) -> bytes:
    """A client's step of an AUTH exchange, from base64 (`*` is the session's business).

    RFC 5034 4: characters outside the alphabet and padding elsewhere than at the end are rejected; RFC 4648
    3.5: so is what is not canonical, so that what is authenticated has one spelling.
    """
    try:
        data = b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if b64encode(data) != line:
        raise Fault("A step of the authentication exchange is not base64")
    return data


def read_stls(rest: str) -> Stls:
    return Stls() if _is_blank(rest) else _no_arguments()


def read_capa(rest: str) -> Capa:
    return Capa() if _is_blank(rest) else _no_arguments()


def read_utf8(rest: str) -> Utf8:
    return Utf8() if _is_blank(rest) else _no_arguments()  # RFC 6856 2.1


def read_lang(rest: str) -> Lang:
    wanted = rest.strip(" ")
    if not wanted:
        return Lang(None)
    if not _RANGE.fullmatch(wanted):
        raise Fault("A language is written as in en or de-CH")
    return Lang(wanted)


def read_stat(rest: str) -> Stat:
    return Stat() if _is_blank(rest) else _no_arguments()


def read_list(rest: str) -> List:
    return List(None if _is_blank(rest) else _number(rest))


def read_uidl(rest: str) -> Uidl:
    return Uidl(None if _is_blank(rest) else _number(rest))


def read_retr(rest: str) -> Retr:
    return Retr(_number(rest))


def read_top(rest: str) -> Top:
    number, _, lines = rest.strip(" ").partition(" ")
    if not _NUMBER.fullmatch(lines):
        raise Fault("Say TOP, a message number and a number of lines")
    return Top(_number(number), int(lines))


def read_dele(rest: str) -> Dele:
    return Dele(_number(rest))


def read_noop(rest: str) -> Noop:
    return Noop() if _is_blank(rest) else _no_arguments()


def read_rset(rest: str) -> Rset:
    return Rset() if _is_blank(rest) else _no_arguments()


def read_quit(rest: str) -> Quit:
    return Quit() if _is_blank(rest) else _no_arguments()


def _is_blank(rest: str) -> bool:
    return not rest.strip(" ")


def _number(text: str) -> int:
    text = text.strip(" ")
    if not _NUMBER.fullmatch(text):
        raise Fault("Say the number of one message")
    return int(text)


def _no_arguments() -> NoReturn:
    raise Fault("This command has no arguments")
