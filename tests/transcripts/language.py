r"""The transcript language: what was said between clients and a server, as text a person can read.

A file holds scenes. A scene has a title, headers, and a dialogue:

    == EXPUNGE removes what is marked, and each number is the one of that moment (RFC 9051 6.4.3)
    needs: UIDPLUS
    message: INBOX plain (\Deleted)
    message: INBOX plain x2
    select: INBOX

    C: A202 EXPUNGE
    S: * 1 EXPUNGE
    S: A202 OK

Headers
    needs       capabilities the scene is about; a server under test without one of them fails, an
                oracle without one of them is passed over
    state       `connected` leaves logging in to the dialogue; otherwise every connection has logged in
    connections how many are open from the start (1); their lines are `C2:`, `S2:`
    enable      given to ENABLE on every connection
    select, examine   a mailbox every connection has open at the start
    mailbox     created beforehand; `subscribe` likewise; may be repeated
    message     MAILBOX NAME [(flags)] ["internal date"] [xN]: appended beforehand; NAME is a file of
                `messages/`. Binds $uid1, $uid2, ... in order, and $uidvalidity
    initial     `keep`: the special-use mailboxes of a new account stay; otherwise INBOX stands alone
    skip-on TARGET   the reason why that server is passed over
Lines
    C:  the client sends this line        S:   the server must send this
    L:  a line of a literal, with CRLF    S?:  the server may send this
    L-: the same without CRLF             S!:  the server must not send this before the block ends
    [1 starttls]   connection 1 starts TLS      [1 closed]   the server has closed connection 1
    [1 drop]       the client cuts connection 1       [1 compress]   connection 1 is DEFLATE from here on
    [$a < $b]      of two numbers that were bound
`{=}` at the end of a line, also as `{=+}` and `~{=}`, stands for the size of the `L` lines that follow;
the rest of the command or response is the next line of the same side. `\xHH` is that octet. `$name`
(lower case) is a variable: bound where it is first matched, equal afterwards; `$user`, `$password`,
`$plain` (the SASL PLAIN response) and `$urluser` (the name as in a URL) are known from the start. `$_`
matches anything once. A status may be one of several: `a1 NO|BAD`.

Consecutive S lines of one connection are a block. Untagged data may come in any order, except that
EXPUNGE keeps its place among everything that counts messages (see `match.now`). Data the block does
not name is a failure unless it says `S: * ...`; inside a list, `...` admits further members.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent

_DIALOGUE = re.compile(r"(C|S|L)(\d?)([?!-]?):(?: (.*))?$")
_DIRECTIVE = re.compile(r"\[(\d) (starttls|closed|drop|compress)\]$")
_ORDER = re.compile(r"\[\$([a-z][a-z0-9]*) < \$([a-z][a-z0-9]*)\]$")
_HEADER = re.compile(r"([a-z-]+)(?: ([a-z]+))?:\s*(.*)$")
_LITERAL = re.compile(r"\{=([+-]?)\}$")
_MESSAGE = re.compile(r'("[^"]+"|\S+) (\S+)(?: (\([^)]*\)))?(?: ("[^"]*"))?(?: x(\d+))?$')
HEADERS = frozenset(
    {"needs", "state", "connections", "enable", "select", "examine"}
    | {"mailbox", "subscribe", "message", "initial", "skip-on"}
)


class BadTranscript(Exception):
    """The file is not in the language."""


@dataclass(frozen=True, slots=True)
class Message:
    mailbox: str
    name: str
    flags: str
    date: str


@dataclass(frozen=True, slots=True)
class Send:
    line: int
    connection: int
    text: bytes
    literal: bool = False  # no variables in it


@dataclass(frozen=True, slots=True)
class Pattern:
    line: int
    text: bytes
    manner: str  # "" must come, "?" may come, "!" must not come


@dataclass(frozen=True, slots=True)
class Expect:
    line: int
    connection: int
    patterns: tuple[Pattern, ...]
    others_allowed: bool


@dataclass(frozen=True, slots=True)
class Directive:
    line: int
    connection: int
    word: str


@dataclass(frozen=True, slots=True)
class Order:
    line: int
    smaller: bytes
    greater: bytes


Step = Send | Expect | Directive | Order


@dataclass(slots=True)
class Scene:
    path: Path
    line: int
    title: str
    needs: tuple[str, ...] = ()
    state: str = "authenticated"
    connections: int = 1
    enable: str = ""
    opened: str = ""  # "SELECT INBOX", "EXAMINE x" or nothing
    mailboxes: list[str] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    keeps_initial: bool = False
    skips: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def name(self) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", self.title.split("(RFC")[0].lower()).strip("-")
        return f"{self.path.stem}:{self.line}:{words[:50]}"


def read(path: Path) -> list[Scene]:
    lines = path.read_text(encoding="utf-8").split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("== ")]
    if not starts:
        raise BadTranscript(f"{path.name}: no scene in it")
    ends = [*starts[1:], len(lines)]
    return [_scene(path, lines, start, end) for start, end in zip(starts, ends)]


def message(name: str, number: int = 1) -> bytes:
    """A message of `messages/`, with CRLF line ends; `{n}` in it is the number of the message."""
    raw = (HERE / "messages" / f"{name}.eml").read_bytes()
    return raw.replace(b"{n}", b"%d" % number).replace(b"\n", b"\r\n")


def _scene(path: Path, lines: list[str], start: int, end: int) -> Scene:
    scene = Scene(path, start + 1, lines[start][3:].strip())
    at = start + 1
    while at < end and not any(form.match(lines[at]) for form in (_DIALOGUE, _DIRECTIVE, _ORDER)):
        line = lines[at].strip()
        if line and not line.startswith("#"):
            _header(scene, line, at + 1)
        at += 1
    reader = _Dialogue(scene, lines, at, end)
    scene.steps = reader.steps()
    if not any(isinstance(step, Expect) for step in scene.steps):
        raise BadTranscript(f"{path.name}:{start + 1}: a scene that expects nothing cannot fail")
    return scene


def _header(scene: Scene, line: str, number: int) -> None:
    where = f"{scene.path.name}:{number}"
    found = _HEADER.match(line)
    if not found or found[1] not in HEADERS or bool(found[2]) != (found[1] == "skip-on"):
        raise BadTranscript(f"{where}: not a header: {line}")
    key, value = found[1], found[3].strip()
    if key == "needs":
        scene.needs = tuple(value.upper().split())
    elif key == "connections":
        scene.connections = int(value)
    elif key in ("select", "examine"):
        scene.opened = f"{key.upper()} {value}"
    elif key == "mailbox":
        scene.mailboxes.append(value)
    elif key == "subscribe":
        scene.subscriptions.append(value)
    elif key == "message":
        parts = _MESSAGE.match(value)
        if not parts:
            raise BadTranscript(f"{where}: not a message: {value}")
        one = Message(parts[1], parts[2], parts[3] or "", parts[4] or "")
        scene.messages.extend([one] * int(parts[5] or 1))
    elif key == "initial":
        scene.keeps_initial = value == "keep"
    elif key == "skip-on":
        if not value:
            raise BadTranscript(f"{where}: skip-on needs a reason")
        scene.skips[found[2]] = value
    else:
        setattr(scene, key, value)


class _Dialogue:
    """Walks the lines of one dialogue and groups them into steps."""

    def __init__(self, scene: Scene, lines: list[str], start: int, end: int) -> None:
        self.where = scene.path.name
        self.entries: list[tuple[int, str, int, str, str]] = []  # line, side, connection, manner, text
        connection = 1
        for number in range(start, end):
            line = lines[number]
            if not line.strip() or line.startswith("#"):
                continue
            directive = _DIRECTIVE.match(line)
            if directive:
                self.entries.append((number + 1, "[", int(directive[1]), "", directive[2]))
                continue
            if _ORDER.match(line):
                self.entries.append((number + 1, "<", connection, "", line))
                continue
            found = _DIALOGUE.match(line)
            if not found:
                raise BadTranscript(f"{self.where}:{number + 1}: not a line of a dialogue: {line}")
            if found[1] != "L":
                connection = int(found[2] or 1)
            if connection > scene.connections:
                raise BadTranscript(f"{self.where}:{number + 1}: connection {connection} is not open")
            self.entries.append((number + 1, found[1], connection, found[3], found[4] or ""))

    def steps(self) -> list[Step]:
        out: list[Step] = []
        block: list[Pattern] = []
        others = False
        at = 0

        def close(connection: int) -> None:
            nonlocal block, others
            if block:
                out.append(Expect(block[0].line, connection, tuple(block), others))
            block, others = [], False

        speaker = 1
        while at < len(self.entries):
            line, side, connection, manner, text = self.entries[at]
            if block and (side != "S" or connection != speaker):
                close(speaker)
            speaker = connection
            if side == "[":
                out.append(Directive(line, connection, text))
                at += 1
            elif side == "<":
                order = _ORDER.match(text)
                assert order is not None
                out.append(Order(line, order[1].encode(), order[2].encode()))
                at += 1
            elif side == "L":
                literal, at = self._literal(at)
                out.append(Send(line, connection, literal, literal=True))
            elif side == "C":
                if announced := _LITERAL.search(text):
                    text = f"{text[: announced.start()]}{{{self._size_after(at)}{announced[1]}}}"
                out.append(Send(line, connection, _octets(text) + b"\r\n"))
                at += 1
            else:
                if text == "* ...":
                    others, at = True, at + 1
                    if not block:
                        block.append(Pattern(line, b"", "?"))
                    continue
                pattern, at = self._pattern(at)
                block.append(Pattern(line, pattern, manner))
                if not manner and not pattern.startswith(b"* "):
                    close(connection)  # a tagged or continuation line ends its block
        close(speaker)
        return out

    def _literal(self, at: int) -> tuple[bytes, int]:
        out = b""
        while at < len(self.entries) and self.entries[at][1] == "L":
            _, _, _, manner, text = self.entries[at]
            out += _octets(text) + (b"" if manner == "-" else b"\r\n")
            at += 1
        return out, at

    def _size_after(self, at: int) -> int:
        """The size of the literal announced by the line at `at`: a continuation request may stand between."""
        line = self.entries[at][0]
        at += 1
        while at < len(self.entries) and self.entries[at][1] == "S":
            at += 1
        literal, after = self._literal(at)
        if after == at:
            raise BadTranscript(f"{self.where}:{line}: no L lines after {{=}}")
        return len(literal)

    def _pattern(self, at: int) -> tuple[bytes, int]:
        out = b""
        while True:
            line, _, connection, _, text = self.entries[at]
            at += 1
            if not _LITERAL.search(text):
                return out + _octets(text), at
            literal, after = self._literal(at)
            if after == len(self.entries) or self.entries[after][1:3] != ("S", connection):
                raise BadTranscript(f"{self.where}:{line}: the response does not go on after its literal")
            out += _octets(_LITERAL.sub(f"{{{len(literal)}}}", text)) + b"\r\n" + literal
            at = after


def _octets(text: str) -> bytes:
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), text.encode())
