"""A client of one account: it says what its mode allows, and hears everything through a `Picture`.

It keeps a cache of each mailbox over lost connections and catches up from it the way its mode allows. It
knows nothing that the server has not told it.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.sync.picture import Contradiction, Ledger, Message, Mode, Picture, numbers, sequence

PATIENCE = 30.0  # seconds for one answer; only a server that hangs takes so long
FLAGS = (b"\\Seen", b"\\Flagged", b"\\Deleted", b"\\Answered", b"Work", b"Home")

_UNNUMBERED = (b"FETCH", b"STORE", b"SEARCH")  # RFC 9051 7.5.1: no EXPUNGE in answers to these
_COPYUID = re.compile(rb"\[COPYUID (\d+) ([\d:,]+) ([\d:,]+)\]")


class Gone(Exception):
    """The connection is lost."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: bytes
    code: bytes
    lines: list[bytes]


@dataclass(slots=True)
class Cache:
    """What a client keeps of a mailbox between two connections."""

    uidvalidity: int
    highest: int
    filled: int
    messages: dict[int, Message]


class Wire:
    """Lines of one connection, with what was said lately."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self.reader, self.writer = reader, writer
        self.said: deque[bytes] = deque(maxlen=120)
        self._tag = 0

    async def send(self, command: bytes) -> bytes:
        self._tag += 1
        tag = b"%s%d" % (self.name.encode(), self._tag)
        await self.write(tag + b" " + command + b"\r\n")
        return tag

    async def write(self, data: bytes) -> None:
        self.said.append(b"C: " + data[:300].rstrip())
        self.writer.write(data)
        try:
            await self.writer.drain()
        except OSError:
            raise Gone from None

    async def line(self, patience: float = PATIENCE) -> bytes:
        """A whole response, literals included."""
        out = b""
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await self.reader.readuntil(b"\r\n")
                    out += line[:-2]
                    if not (literal := re.search(rb"\{(\d+)\}\r\n\Z", line)):
                        break
                    out += b"\r\n" + await self.reader.readexactly(int(literal[1]))
            except (OSError, asyncio.IncompleteReadError) as error:
                if isinstance(error, TimeoutError):
                    raise
                raise Gone from None
        self.said.append(b"S: " + out)
        if out.startswith(b"* BYE"):
            raise Gone
        return out

    def close(self) -> None:
        self.writer.transport.abort()


Dial = Callable[[str], Awaitable[Wire]]
"""Makes a connection for the device of that name, or raises `Gone`."""


@dataclass(slots=True)
class Device:
    """`chance` is its own, so that what others do does not change what it wants to do."""

    name: str
    address: str
    password: str
    mode: Mode
    extra: tuple[bytes, ...]  # more to ENABLE
    ledger: Ledger
    chance: random.Random
    wire: Wire | None = None
    picture: Picture | None = None
    mailbox: bytes = b"INBOX"
    idle: bytes = b""  # the tag of an IDLE that is going on
    caches: dict[bytes, Cache] = field(default_factory=dict)
    appended: int = 0
    commands: int = 0

    # Coming and going

    async def connect(self, dial: Dial) -> None:
        self.wire = await dial(self.name)
        self.idle = b""
        self.picture = None
        await self.wire.line()
        await self.ok(b'LOGIN "%b" "%b"' % (self.address.encode(), self.password.encode()))
        wanted = [*self.extra]
        wanted += [b"QRESYNC"] if self.mode.qresync else [b"CONDSTORE"] if self.mode.condstore else []
        wanted += [b"UIDONLY"] if self.mode.uidonly else []
        if wanted:
            answer = await self.ok(b"ENABLE " + b" ".join(wanted))
            enabled = b" ".join(answer.lines).upper()
            if not all(word.upper() in enabled for word in wanted):
                raise Contradiction(f"asked to ENABLE {wanted}, was told {answer.lines}")
        if self.mode.notify:
            items = b"UID FLAGS MODSEQ" if self.mode.wants_modseq else b"UID FLAGS"
            await self.ok(
                b"NOTIFY SET (%b (MessageNew (%b) MessageExpunge FlagChange))"
                % (self.mode.notify.encode(), items)
            )
        await self.open(self.mailbox)

    def lost(self) -> None:
        """Keep what is known and forget the connection."""
        if self.picture is not None and self.picture.uidvalidity and self.mode.wants_modseq:
            picture = self.picture
            self.caches[self.mailbox] = Cache(
                picture.uidvalidity, picture.highest, picture.filled, picture.cached()
            )
        self.picture = None
        self.idle = b""
        if self.wire is not None:
            self.wire.close()

    async def open(self, mailbox: bytes) -> None:
        """SELECT, and catch up from the cache as far as the mode can."""
        if self.picture is not None:
            self.lost_picture()
        self.mailbox = mailbox
        cache = self.caches.pop(mailbox, None)
        self.picture = picture = Picture(self.mode, self.ledger)
        if cache is None:
            parameter = b" (CONDSTORE)" if self.mode.wants_modseq and self.chance.random() < 0.5 else b""
            await self._select(b"SELECT %b%b" % (mailbox, parameter))
        elif self.mode.qresync:
            await self._select(b"SELECT %b (QRESYNC (%b))" % (mailbox, self._past(cache)), earlier=True)
            picture.filled = cache.filled
            picture.restore(cache.messages)
        else:
            await self._select(b"SELECT %b (CONDSTORE)" % mailbox)
            await self._changed_since(cache)
        await self.fill()

    def lost_picture(self) -> None:
        """The mailbox is left, the connection is not."""
        wire, self.wire = self.wire, None
        self.lost()
        self.wire = wire

    async def _select(self, command: bytes, *, earlier: bool = False) -> None:
        answer = await self.ok(command, earlier=earlier)
        assert self.picture is not None
        for line in answer.lines:
            if found := re.match(rb"\* OK \[UIDVALIDITY (\d+)\]", line):
                self.picture.uidvalidity = int(found[1])
        if not self.picture.uidvalidity:
            raise Contradiction("SELECT without UIDVALIDITY")
        if self.mode.wants_modseq and not self.picture.highest:
            raise Contradiction("SELECT without HIGHESTMODSEQ")  # RFC 7162 3.1.2.1

    def _past(self, cache: Cache) -> bytes:
        """The arguments of QRESYNC, with as much of the optional ones as the client feels like."""
        out = b"%d %d" % (cache.uidvalidity, cache.highest)
        kind = self.chance.randrange(3)
        if cache.filled and kind:
            # A subset of what is cached would not do: of the rest nothing would be told.
            out += b" 1:%d" % cache.filled
            sample = [at for at in range(len(cache.messages)) if self.chance.random() < 0.4]
            # RFC 9586 3.7: no message numbers in UIDONLY.
            if kind == 2 and sample and not self.mode.uidonly:
                uids = sorted(cache.messages)
                out += b" (%b %b)" % (
                    sequence([at + 1 for at in sample]),
                    sequence([uids[at] for at in sample]),
                )
        return out

    async def _changed_since(self, cache: Cache) -> None:
        """RFC 7162 6.1 without QRESYNC: which are left, and what changed of them."""
        assert self.picture is not None
        if not self.picture.messages:
            return
        await self.ok(b"UID FETCH 1:* (UID MODSEQ)")
        for message in self.picture.messages:
            known = cache.messages.get(message.uid)
            if known is not None and known.flags is not None and message.flags is None:
                message.flags = known.flags
        await self.ok(b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % cache.highest)
        self.picture.filled = cache.filled

    async def fill(self) -> None:
        """Ask for what was not told: new messages, and whatever became doubtful."""
        assert self.picture is not None
        picture = self.picture
        items = b"(UID FLAGS MODSEQ)" if self.mode.wants_modseq else b"(UID FLAGS)"
        if picture.blank():
            if self.mode.by_uid or self.chance.random() < 0.5:
                await self.ok(b"UID FETCH %d:* %b" % (picture.filled + 1, items))
            else:
                blanks = [at for at, message in enumerate(picture.messages, 1) if not message.uid]
                await self.ok(b"FETCH %b %b" % (sequence(blanks), items))
        if unknown := picture.unknown():
            await self.ok(b"UID FETCH %b %b" % (sequence(unknown), items))
        picture.filled_up()

    # One command

    async def do(self, command: bytes, *, earlier: bool = False) -> Answer:
        assert self.wire is not None
        self.commands += 1
        first = command.split(b" ", 1)[0]
        expunges = first not in _UNNUMBERED or self.mode.notify == "SELECTED"
        tag = await self.wire.send(command)
        lines: list[bytes] = []
        while not (line := await self._line(f"{tag!r} {command[:200]!r}")).startswith(tag + b" "):
            lines.append(line)
            if first != b"SELECT":
                self._hear(line, expunges=expunges, earlier=b"VANISHED)" in command)
        if first == b"SELECT":
            # RFC 7162 3.2.11: what comes before CLOSED is of the mailbox that was open.
            closed = [at for at, one in enumerate(lines) if one.startswith(b"* OK [CLOSED]")]
            for one in lines[closed[-1] + 1 if closed else 0 :]:
                self._hear(one, earlier=earlier)
        status, _, text = line[len(tag) + 1 :].partition(b" ")
        code = text[1:].partition(b"]")[0] if text.startswith(b"[") else b""
        if self.picture is not None:
            self.picture.tagged(code)
        return Answer(status, code, lines)

    async def ok(self, command: bytes, *, earlier: bool = False) -> Answer:
        answer = await self.do(command, earlier=earlier)
        if answer.status != b"OK":
            raise Contradiction(f"{command!r} was answered {answer.status!r} {answer.code!r}")
        return answer

    async def _line(self, what: str) -> bytes:
        assert self.wire is not None
        try:
            return await self.wire.line()
        except TimeoutError:
            raise Contradiction(f"{self.name} waits for ever: {what}") from None

    def _hear(self, line: bytes, *, expunges: bool = True, earlier: bool = False) -> None:
        if self.picture is not None and line.startswith(b"* "):
            self.picture.hear(line, expunges=expunges, earlier=earlier)

    # What it does all day

    async def act(self, mailboxes: list[bytes]) -> None:
        if self.idle:
            return await self.end_idle()
        actions = [
            (self.append, 5),
            (self.store, 8),
            (self.noop, 3),
            (self.look, 2),
            (self.search, 1),
            (self.copy, 2),
            (self.expunge, 2),
            (self.begin_idle, 2),
            (self.fill, 3),
            (self.status, 1),
            (self.leave, 1),
        ]
        chosen = self.chance.choices([one for one, _ in actions], [weight for _, weight in actions])[0]
        await (chosen(mailboxes) if chosen in (self.append, self.copy, self.status, self.leave) else chosen())  # type: ignore[operator]

    def _some(self) -> list[tuple[int, int]]:
        """(number, UID) of some messages it knows."""
        assert self.picture is not None
        known = [(number, one.uid) for number, one in enumerate(self.picture.messages, 1) if one.uid]
        if not known:
            return []
        start = self.chance.randrange(len(known))
        return self.chance.sample(known, min(len(known), 2)) if start % 3 == 0 else known[start : start + 6]

    def _addressed(self, some: list[tuple[int, int]]) -> tuple[bytes, bytes]:
        """(`UID ` or nothing, the set)."""
        if self.mode.by_uid or self.chance.random() < 0.4:
            return b"UID ", sequence([uid for _, uid in some])
        return b"", sequence([number for number, _ in some])

    async def append(self, mailboxes: list[bytes]) -> None:
        count = self.chance.choice((1, 1, 1, 2, 3))
        letters = []
        command = b"APPEND " + self.chance.choice(mailboxes)
        for _ in range(count):
            self.appended += 1
            letter = b"%b-%d" % (self.name.encode(), self.appended)
            letters.append(letter)
            raw = b"Subject: %b\r\n\r\nx\r\n" % letter
            flags = b" ".join(self.chance.sample(FLAGS, self.chance.randrange(3)))
            command += b" (%b) {%d+}\r\n%b" % (flags, len(raw), raw)
        answer = await self.ok(command)
        if found := re.fullmatch(rb"APPENDUID (\d+) ([\d:,]+)", answer.code):
            for uid, letter in zip(numbers(found[2]), letters, strict=True):
                self.ledger.letter(int(found[1]), uid, letter)

    async def store(self) -> None:
        some = self._some()
        if not some:
            return
        assert self.picture is not None
        by_uid, where = self._addressed(some)
        change = self.chance.choice((b"+", b"+", b"-", b""))
        silent = self.chance.random() < 0.5
        flags = self.chance.sample(FLAGS, self.chance.choice((1, 1, 2)))
        modifier, least = b"", None
        before = {one.uid: one.modseq for one in self.picture.messages if one.uid}
        if self.mode.wants_modseq and self.chance.random() < 0.5:
            least = self.chance.choice([before[uid] for _, uid in some])
            modifier = b" (UNCHANGEDSINCE %d)" % least
        tell = b"FLAGS.SILENT" if silent else b"FLAGS"
        answer = await self.do(
            b"%bSTORE %b%b %b%b (%b)" % (by_uid, where, modifier, change, tell, b" ".join(flags))
        )
        named = {uid for _, uid in some}
        refused: set[int] = set()
        if found := re.fullmatch(rb"MODIFIED ([\d:,]+)", answer.code):
            told = set(numbers(found[1]))
            refused = told if by_uid else {uid for number, uid in some if number in told}
            if not told <= {uid if by_uid else number for number, uid in some}:
                raise Contradiction(f"MODIFIED names others: {found[1]!r} of {where!r}")
        if answer.status != b"OK":
            # RFC 9051 6.4.6, 7162 3.1.3: NO where some are gone; what became of the rest is not said.
            self.picture.forget(named)
            return
        passed = {uid for uid in named - refused if least is not None and before[uid] > least}
        if silent:
            self.picture.assume(named - refused, change, frozenset(flag.lower() for flag in flags))
            if self.mode.notify:
                # What was pushed while it was on its way is of before or of after: nobody can tell.
                self.picture.forget(named & self.picture.answered)
        if passed:
            await self.noop()  # unless they are gone, which could not be told before
            if wrong := passed.intersection(self.picture.uids()):
                raise Contradiction(f"stored although changed since {least}: {sorted(wrong)}")

    async def noop(self) -> None:
        await self.ok(b"CHECK" if self.chance.random() < 0.1 and not self.extra else b"NOOP")

    async def look(self) -> None:
        """Fetch something that may be known, perhaps only what changed."""
        some = self._some()
        if not some:
            return
        assert self.picture is not None
        by_uid, where = self._addressed(some)
        modifier, items = b"", b"(UID FLAGS)"
        if self.mode.wants_modseq:
            items = b"(UID FLAGS MODSEQ)"
            if self.chance.random() < 0.4 and self.picture.highest:
                vanished = b" VANISHED" if by_uid and self.mode.qresync else b""
                since = max(1, self.picture.highest - self.chance.randrange(4))
                modifier = b" (CHANGEDSINCE %d%b)" % (since, vanished)
        # RFC 9051 6.4.5: what is gone meanwhile may be answered with NO.
        await self.do(b"%bFETCH %b %b%b" % (by_uid, where, items, modifier))

    async def search(self) -> None:
        by_uid = self.mode.by_uid or self.chance.random() < 0.4
        key = b"KEYWORD Work"
        if self.mode.wants_modseq and self.chance.random() < 0.5:
            assert self.picture is not None
            key = b"MODSEQ %d" % self.picture.highest
        answer = await self.ok(b"%bSEARCH %b" % (b"UID " if by_uid else b"", key))
        assert self.picture is not None
        for line in answer.lines:
            found = re.fullmatch(rb"\* SEARCH((?: \d+)*)(?: \(MODSEQ \d+\))?", line)
            if by_uid or not found:
                continue
            if any(not 0 < int(number) <= len(self.picture.messages) for number in found[1].split()):
                raise Contradiction(f"numbers out of range: {line!r}")

    async def copy(self, mailboxes: list[bytes]) -> None:
        some = self._some()[:3]
        if not some:
            return
        assert self.picture is not None
        by_uid, where = self._addressed(some)
        verb = self.chance.choice((b"COPY", b"MOVE"))
        here = self.picture.uidvalidity
        target = self.chance.choice(mailboxes)
        answer = await self.do(b"%b%b %b %b" % (by_uid, verb, where, target))
        said = b"\n".join([*answer.lines, b"[%b]" % answer.code])
        for found in _COPYUID.finditer(said):
            for source, copied in zip(numbers(found[2]), numbers(found[3]), strict=True):
                if letter := self.ledger.letters.get((here, source)):
                    self.ledger.letter(int(found[1]), copied, letter)

    async def expunge(self) -> None:
        some = self._some()
        if some and self.chance.random() < 0.5:
            await self.ok(b"UID EXPUNGE %b" % sequence([uid for _, uid in some]))
        else:
            await self.ok(b"EXPUNGE")

    async def status(self, mailboxes: list[bytes]) -> None:
        items = b"(MESSAGES UIDNEXT UNSEEN%b)" % (b" HIGHESTMODSEQ" if self.mode.wants_modseq else b"")
        other = [name for name in mailboxes if name != self.mailbox]
        await self.ok(b"STATUS %b %b" % (self.chance.choice(other or mailboxes), items))

    async def leave(self, mailboxes: list[bytes]) -> None:
        """Go elsewhere, or come back."""
        if self.chance.random() < 0.5:
            # CLOSE would expunge without a word; UNSELECT does not.
            await self.ok(b"UNSELECT")
        await self.open(self.chance.choice(mailboxes))

    # Waiting

    async def begin_idle(self) -> None:
        assert self.wire is not None
        self.commands += 1
        tag = await self.wire.send(b"IDLE")
        while not (line := await self._line("IDLE")).startswith(b"+"):
            self._hear(line)
        self.idle = tag

    async def end_idle(self) -> None:
        assert self.wire is not None and self.picture is not None
        await self.wire.write(b"DONE\r\n")
        while not (line := await self._line("DONE")).startswith(self.idle + b" "):
            self._hear(line)
        self.idle = b""
        code = line.partition(b"[")[2].partition(b"]")[0]
        self.picture.tagged(code)

    async def listen(self, patience: float) -> bool:
        """One line that comes by itself; False where none does."""
        assert self.wire is not None
        try:
            line = await self.wire.line(patience)
        except TimeoutError:
            return False
        self._hear(line)
        return True
