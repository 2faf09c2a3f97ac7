"""Commands as plain data, and how each is read from its line (RFC 5321 4.1.1).

`split` finds the verb; `table` knows which of the functions here reads the rest.
"""

import binascii
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from pillarbox.smtp.address import Path, is_host, read_path
from pillarbox.smtp.wire.fault import Fault

# esmtp-param = esmtp-keyword ["=" esmtp-value] (RFC 5321 4.1.2; RFC 6531 3.3 adds UTF-8 to the value)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u00a0-\U0010ffff]+))?")
_DIGITS = re.compile(r"[0-9]{1,20}")  # RFC 1870 3: size-value = 1*20DIGIT

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")  # RFC 3461 4
_SASL_NAME = re.compile(r"[A-Za-z0-9_-]{1,20}")  # RFC 4422 3.1
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")  # RFC 3461 4.2: addr-type = atom

BODIES = ("7BIT", "8BITMIME", "BINARYMIME")
RETURNS = ("FULL", "HDRS")  # RFC 3461 4.3
NOTIFICATIONS = ("SUCCESS", "FAILURE", "DELAY")  # RFC 3461 4.1
MAX_ENVID, MAX_ORCPT = 100, 500  # RFC 3461 4.4, 4.2

# Which extension has to be offered for a parameter to be known.
EXTENSIONS = {
    "RET": "DSN",
    "ENVID": "DSN",
    "NOTIFY": "DSN",
    "ORCPT": "DSN",
    "AUTH": "AUTH",
    "REQUIRETLS": "REQUIRETLS",
    "BODY=BINARYMIME": "BINARYMIME",
    "HOLDFOR": "FUTURERELEASE",
    "HOLDUNTIL": "FUTURERELEASE",
    "BY": "DELIVERBY",
    "MT-PRIORITY": "MT-PRIORITY",
}

_INTERVAL = re.compile(r"[1-9][0-9]{0,8}")  # RFC 4865 2: future-release-integer
# RFC 4865 2: RFC 3339's date-time, in UTC.
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")
_BY = re.compile(r"([+-]?[0-9]{1,9});([NR])(T?)")  # RFC 2852 4: by-value
_PRIORITY = re.compile(r"0|-?[1-9]")  # RFC 6710 7: priority-value


@dataclass(frozen=True, slots=True)
class Hello:
    """LHLO, EHLO or HELO, and what the client calls itself."""

    name: str


@dataclass(frozen=True, slots=True)
class Hold:
    """RFC 4865: `seconds` from now or until a `moment` since 1970, one of them; `asked`: how it was said."""

    asked: str
    seconds: int | None = None
    moment: int | None = None


@dataclass(frozen=True, slots=True)
class By:
    """RFC 2852: within so many seconds, or the message `returns`; `trace` asks for each relay to be told."""

    seconds: int
    returns: bool
    trace: bool


@dataclass(frozen=True, slots=True)
class Mail:
    """`sender` is None for the null reverse-path. `size` is the client's word for it (RFC 1870). `ret` and
    `envid` are RFC 3461's, "" where they were not said, `priority` is RFC 6710's, `requires_tls` RFC 8689's.
    `extensions` are those it takes to say this."""

    sender: Path | None
    size: int | None = None
    body: str = "7BIT"
    utf8: bool = False
    ret: str = ""
    envid: str = ""
    hold: Hold | None = None
    by: By | None = None
    priority: int | None = None
    extensions: frozenset[str] = frozenset()
    requires_tls: bool = False


@dataclass(frozen=True, slots=True)
class Rcpt:
    """`notify` and `orcpt` are RFC 3461's: words, and `type;address`; empty where they were not said."""

    recipient: Path
    notify: frozenset[str] = frozenset()
    orcpt: str = ""
    extensions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Auth:
    """`initial` is the initial response, None where there is none (RFC 4954 4)."""

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


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
class Expn:
    text: str


@dataclass(frozen=True, slots=True)
class Help:
    topic: str


Command = Hello | Mail | Rcpt | Auth | Data | Bdat | StartTls | Rset | Noop | Quit | Vrfy | Expn | Help


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
    body, utf8, ret, envid, requires_tls = "7BIT", False, "", "", False
    hold, by, priority = None, None, None
    extensions = set()
    for keyword, value in _parameters(after).items():
        if keyword == "SIZE":
            if value is None or not _DIGITS.fullmatch(value):
                raise Fault(501, "5.5.4", "SIZE is a number of octets")
            size = int(value)
        elif keyword == "BODY":
            body = (value or "").upper()
            if body not in BODIES:
                raise Fault(501, "5.5.4", f"BODY is one of {', '.join(BODIES)}")
            keyword = f"BODY={body}"
        elif keyword == "SMTPUTF8":
            if value is not None:
                raise Fault(501, "5.5.4", "SMTPUTF8 has no value")  # RFC 6531 3.4
            utf8 = True
        elif keyword == "REQUIRETLS":
            if value is not None:
                raise Fault(501, "5.5.4", "REQUIRETLS has no value")  # RFC 8689 2 (4)
            requires_tls = True
        elif keyword == "RET":
            ret = (value or "").upper()
            if ret not in RETURNS:
                raise Fault(501, "5.5.4", f"RET is one of {', '.join(RETURNS)}")
        elif keyword == "ENVID":
            envid = _xtext(keyword, value, MAX_ENVID)
        elif keyword == "AUTH":
            # RFC 4954 5: who submitted it in the eyes of the client. It is believed by nobody here.
            _xtext(keyword, value, MAX_ORCPT)
        elif keyword in ("HOLDFOR", "HOLDUNTIL"):
            if hold is not None:
                raise Fault(501, "5.5.4", "HOLDFOR and HOLDUNTIL do not go together")  # RFC 4865 4.2, 9
            hold = _hold(keyword, value or "")
        elif keyword == "BY":
            by = _by(value or "")
        elif keyword == "MT-PRIORITY":
            if not _PRIORITY.fullmatch(value or ""):
                raise Fault(501, "5.5.2", "MT-PRIORITY is a number from -9 to 9")  # RFC 6710 4.1, 1
            priority = int(value or "")
        else:
            raise unknown(keyword)
        if keyword in EXTENSIONS:
            extensions.add(EXTENSIONS[keyword])
    return Mail(
        *(sender, size, body, utf8, ret, envid, hold, by, priority),
        extensions=frozenset(extensions),
        requires_tls=requires_tls,
    )


def read_rcpt(rest: str) -> Rcpt:
    recipient, after = read_path(_argument(rest, "TO"), forward=True)
    notify: frozenset[str] = frozenset()
    orcpt = ""
    extensions = set()
    for keyword, value in _parameters(after).items():
        if keyword == "NOTIFY":
            notify = _notify(value)
        elif keyword == "ORCPT":
            kind, semicolon, address = (value or "").partition(";")
            if not semicolon or not _ADDRESS_TYPE.fullmatch(kind):
                raise Fault(501, "5.5.4", "ORCPT is type;address")
            orcpt = f"{kind};{_xtext(keyword, address, MAX_ORCPT)}"
        else:
            raise unknown(keyword)
        extensions.add(EXTENSIONS[keyword])
    assert recipient is not None
    return Rcpt(recipient, notify, orcpt, frozenset(extensions))


def read_auth(rest: str) -> Auth:
    # RFC 4954 4: AUTH SP mechanism [SP initial-response]
    mechanism, _, initial = rest.partition(" ")
    if not _SASL_NAME.fullmatch(mechanism):
        raise Fault(501, "5.5.4", "Say AUTH and a mechanism")
    if not initial:
        return Auth(mechanism.upper())
    return Auth(mechanism.upper(), b"" if initial == "=" else read_response(initial.encode()))


def read_response(line: bytes) -> bytes:
    """What a client answers to a challenge: base64 (RFC 4954 4)."""
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise Fault(501, "5.5.2", "That is not base64") from None


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


def read_expn(rest: str) -> Expn:
    return Expn(rest)


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


def _xtext(keyword: str, value: str | None, most: int) -> str:
    """RFC 3461 4: printable ASCII, the rest as "+" and two hexadecimal digits; RFC 6533 3 has UTF-8 there."""
    if not value or len(value) > most or not (_XTEXT.fullmatch(value) or not value.isascii()):
        raise Fault(501, "5.5.4", f"{keyword} is xtext")
    if not value.isascii():
        return value
    plain = re.sub(r"\+([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), value)
    if not plain.isascii() or not plain.isprintable():
        raise Fault(501, "5.5.4", f"{keyword} is printable ASCII, written as xtext")
    return plain


def _hold(keyword: str, value: str) -> Hold:
    if keyword == "HOLDFOR":
        if not _INTERVAL.fullmatch(value):
            raise Fault(501, "5.5.4", "HOLDFOR is a number of seconds")
        return Hold(f"for;{value}", seconds=int(value))
    try:
        if not _MOMENT.fullmatch(value.upper()):
            raise ValueError(value)
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        raise Fault(501, "5.5.4", "HOLDUNTIL is a date and time like 2030-01-01T00:00:00Z") from None
    # RFC 4865 4.2, 6: not before; so what is less than a second counts as one.
    return Hold(f"until;{value.upper()}", moment=-int(-moment.timestamp() // 1))


def _by(value: str) -> By:
    match = _BY.fullmatch(value.upper())
    if match is None:
        raise Fault(501, "5.5.4", "BY is seconds;N or seconds;R, with T behind it for a trace")
    by = By(int(match[1]), match[2] == "R", bool(match[3]))
    if by.returns and by.seconds <= 0:
        raise Fault(501, "5.5.4", "What has to be there by now is late already")  # RFC 2852 4
    return by


def _notify(value: str | None) -> frozenset[str]:
    words = (value or "").upper().split(",")
    # RFC 3461 4.1: NEVER stands alone.
    if words != ["NEVER"] and not (set(words) <= set(NOTIFICATIONS) and len(set(words)) == len(words)):
        raise Fault(501, "5.5.4", f"NOTIFY is NEVER, or of {', '.join(NOTIFICATIONS)}")
    return frozenset(words)


def unknown(keyword: str) -> Fault:
    # RFC 5321 4.1.1.11
    return Fault(555, "5.5.4", f"The parameter {keyword} is not known here")


def _no_arguments() -> NoReturn:
    raise Fault(501, "5.5.4", "This command has no arguments")
