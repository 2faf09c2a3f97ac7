"""One IMAP connection: it puts commands together, has them handled one by one, and tells what changed.

Theory of operation. The net driver gives one event at a time and waits for its answer, so commands run
strictly in the order they came (RFC 9051 5.5) and nothing here is ever entered twice, with one exception:
while IDLE waits for DONE, news is pushed. What hears the next event is `dialogue` where a command has begun a
conversation of its own (AUTHENTICATE, IDLE, APPEND), otherwise the assembly of the next command.

`conclude` is the one way a command ends: it maps failures to answers by whose fault they are, lets `updates`
say what the client must know, and adds the tagged response. The session knows nothing of sockets, and no
handler knows the session's answers as bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from pillarbox.identity.authenticate import Login
from pillarbox.identity.claims import Channel, Claim
from pillarbox.identity.sasl import Mechanisms
from pillarbox.imap import short, telling, untold
from pillarbox.imap.assembly import Assembly, Fault
from pillarbox.imap.capability import capabilities
from pillarbox.imap.commands import HANDLERS, UPLOADS
from pillarbox.imap.commands.search import refused_unparsed
from pillarbox.imap.commands.upload import Upload
from pillarbox.imap.contexts import Contexts
from pillarbox.imap.flag_sets import FlagSets
from pillarbox.imap.openings import Openings
from pillarbox.imap.orders import Orders
from pillarbox.imap.outcome import Begun, ClientBug, Done, Outcome, Torn, UidRequired
from pillarbox.imap.settings import MAX_BAD, MAX_BAD_BEFORE_LOGIN, Settings
from pillarbox.imap.table import BY_NUMBER, TABLE, Row, State
from pillarbox.imap.view import View
from pillarbox.imap.wire import limits
from pillarbox.imap.wire.command import arguments, split, unknown
from pillarbox.imap.wire.encode import Response, encode
from pillarbox.imap.wire.literal import literal_at_end
from pillarbox.imap.wire.multisearch import Multisearch
from pillarbox.imap.wire.response import (
    CapabilityCode,
    Continue,
    HighestModseq,
    Mark,
    ResponseCode,
    StatusResponse,
    bad,
    bye,
    no,
    ok,
)
from pillarbox.imap.wire.search import Search
from pillarbox.imap.wire.sort import Sort
from pillarbox.imap.wire.strings import REV1, Kind
from pillarbox.imap.wire.thread import Thread
from pillarbox.message.collation import DEFAULT
from pillarbox.model.actors import Actor
from pillarbox.model.errors import Code, NoAccount, NoRight, PeerSyntax, Refused
from pillarbox.model.numbers import Runs
from pillarbox.model.search import Sequence
from pillarbox.net.session import Answer, Connection, Line, Octets, Wants

if TYPE_CHECKING:
    from pillarbox.imap.commands.notify import Notified
    from pillarbox.imap.commands.uidbatches import Series
    from pillarbox.imap.pushing import Pushing
    from pillarbox.store.store import Store

# A message of up to so many times the limit is read and dropped, a larger one ends the connection.
DROP_FACTOR = 2
End = bytes | AsyncGenerator[bytes, None]  # the end of an answer, in pieces where there is much to tell
NOBODY = Actor(reader=0, owner=False)


class Dialogue(Protocol):
    """A command that hears for itself. It answers as `net.session.Session` does and ends by `conclude`."""

    def line(self, line: bytes) -> Answer | Awaitable[Answer]: ...

    def octets(self, piece: bytes, last: bool) -> Answer | Awaitable[Answer]: ...

    def writable_again(self) -> None: ...

    def closed(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What all sessions of a listener share. `login` raises `Refused`; `report` takes an error of ours and
    returns the trace id under which it was logged; `user` finds who would log in under a name, and may;
    `random` gives so many octets that nobody can guess; `refused` writes down who wanted what they may
    not."""

    store: Store
    login: Callable[[Claim, Channel], Awaitable[Login]]
    settings: Settings
    report: Callable[[BaseException], str]
    user: Callable[[str], Login | None]
    random: Callable[[int], bytes]
    openings: Openings = field(default_factory=Openings)
    orders: Orders = field(default_factory=Orders)
    mechanisms: Mechanisms = field(default_factory=Mechanisms)
    refused: Callable[[str, Channel, str, str], object] = lambda *what: None


# The rows a session may use in each state, so that a command costs one look.
_ROWS = {state: {name: row for name, row in TABLE.items() if state in row.states} for state in State}


class Session:
    __slots__ = (
        "_assembly",
        "_bad",
        "_draining",
        "_rows",
        "account",
        "actor",
        "address",
        "batches",
        "busy",
        "comparator",
        "connection",
        "contexts",
        "dialogue",
        "enabled",
        "failed_logins",
        "first",
        "flag_sets",
        "gone",
        "idling",
        "keywords",
        "kind",
        "notified",
        "pushing",
        "services",
        "store",
        "timeout",
        "untold",
        "view",
        "wants",
    )

    connection: Connection

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store
        self.account = -1
        self.actor = NOBODY
        self.kind: Kind = REV1
        self.enabled: set[str] = set()
        self.first: list[Response] = []  # told before what the present command is answered, whatever that is
        self.view: View | None = None
        self.keywords: set[str] = set()  # told of by FLAGS for the selected mailbox
        self.batches: dict[int, Series] = {}  # told of by UIDBATCHES, by their size
        self.flag_sets = FlagSets()
        self.untold: deque[untold.Untold | untold.Gone] = deque()  # too much to be told in one piece
        self.comparator = DEFAULT  # RFC 5255 4.2
        self.contexts = Contexts()  # of the selected mailbox
        self.dialogue: Dialogue | None = None
        self.failed_logins = 0
        self.wants: Wants = Line(limits.LINE_BEFORE_LOGIN)
        self.timeout = services.settings.login_timeout
        self._rows = _ROWS[State.NOT_AUTHENTICATED]
        self._assembly: Assembly | None = None
        self._bad = 0  # in a row
        self._draining = False
        self.busy = False  # a command is being carried out
        self.idling = False
        self.notified: Notified | None = None  # since the first NOTIFY
        self.pushing: Pushing | None = None
        self.address = ""  # whose account it is
        self.gone = False  # the selected mailbox or the account was deleted, and BYE has been said

    # What the states are made of.

    @property
    def logged_in(self) -> bool:
        return self.account >= 0

    @property
    def cleartext(self) -> bool:
        """Whether a password may be sent on this connection as it is (RFC 9051 11.1)."""
        policy = self.services.settings.cleartext
        connection = self.connection
        return connection.tls or policy == "always" or (policy == "loopback" and connection.peer.is_loopback)

    @property
    def channel(self) -> Channel:
        """What a mechanism may know of this connection."""
        connection = self.connection
        info = connection.tls_info
        certified = info.certified if info is not None else ()
        return Channel("imap", connection.peer.address, connection.end_point, connection.tls, certified)

    def capabilities(self) -> tuple[str, ...]:
        settings = self.services.settings
        without = ["COMPRESS=DEFLATE"] if self.connection.compressed else []
        if not settings.unauthenticate:
            without.append("UNAUTHENTICATE")
        return capabilities(
            logged_in=self.logged_in,
            tls=self.connection.tls or not settings.tls,
            mechanisms=self._mechanisms(),
            append_limit=settings.append_limit,
            save_limit=settings.save_limit,
            without=tuple(without),
        )

    def _mechanisms(self) -> tuple[str, ...]:
        if self.logged_in or not self.cleartext:
            return ()
        return self.services.mechanisms.offered(self.channel)

    def admit(self, login: Login) -> None:
        """NOT_AUTHENTICATED -> AUTHENTICATED."""
        self.connection.logged_in()
        self.account = login.account
        self.address = login.address
        self.actor = login.actor
        self._rows = _ROWS[State.AUTHENTICATED]
        self.wants = Line(limits.LINE)
        self.timeout = self.services.settings.idle_timeout

    def enter(self, view: View, keywords: set[str]) -> None:
        """AUTHENTICATED -> SELECTED."""
        self.contexts = Contexts()
        self.view = view
        self.batches = {}
        self.keywords = keywords
        self._rows = _ROWS[State.SELECTED]
        if self.notified is not None:
            self.notified.entered(view)

    def leave(self) -> None:
        """SELECTED -> AUTHENTICATED."""
        self.view = None
        self.untold.clear()
        self.contexts = Contexts()  # RFC 5267 4.3: updates cease
        self.batches = {}
        self._rows = _ROWS[State.AUTHENTICATED]

    def forget(self) -> None:
        """Any state -> NOT_AUTHENTICATED, and nothing is left of who was logged in (RFC 8437 3, 8)."""
        kept = self.connection, self.failed_logins, self._draining
        self.closed()
        Session.__init__(self, self.services)
        self.connection, self.failed_logins, self._draining = kept

    @property
    def quiet(self) -> bool:
        """Nobody is being answered: what is pushed now stands between answers, or in that of IDLE."""
        return not self.busy and self._assembly is None and (self.dialogue is None or self.idling)

    def saved(self, mailbox: int, uids: Runs) -> None:
        """The client itself has put these messages into a mailbox."""
        if self.notified is not None:
            self.notified.saved(mailbox, uids)

    def stop_pushing(self) -> None:
        if self.pushing is not None:
            self.pushing.stop()
            self.pushing = None

    @property
    def selected(self) -> View:
        """The view, for the handlers that `table` lets run only when there is one."""
        assert self.view is not None
        return self.view

    def require_writable(self) -> None:
        if self.selected.read_only:
            raise Refused("The mailbox was opened read-only", Code.CANNOT)

    # Events (net.session.Session).

    def opened(self, connection: Connection) -> Answer:
        self.connection = connection
        text = f"{self.services.settings.hostname} Pillarbox ready"
        return encode(ok(None, text, CapabilityCode(self.capabilities())), self.kind)

    def line(self, line: bytes) -> Answer | Awaitable[Answer]:
        if self.dialogue is not None:
            return self.dialogue.line(line)
        if self.pushing is not None and self.pushing.busy:
            return self._line_after_push(self.pushing, line)
        if self._assembly is None and line[-1:] != b"}" and not self.connection.bare_lf:
            if not self._draining:
                try:
                    answer = short.answer(self, line)
                except Exception as error:
                    return self._failed_shortly(line, error)
                if answer is not None:
                    self._bad = 0
                    return answer
            return self._execute([line])
        return self._assemble(line)

    async def _line_after_push(self, pushing: Pushing, line: bytes) -> Answer:
        """The view is one task's at a time, and so is what is said."""
        self.busy = True
        await pushing.settle()
        self.busy = False
        answer = self.line(line)
        return await answer if isinstance(answer, Awaitable) else answer

    def octets(self, piece: bytes, last: bool) -> Answer | Awaitable[Answer]:
        if self.dialogue is not None:
            return self.dialogue.octets(piece, last)
        assert self._assembly is not None
        self._assembly.octets(piece, last)
        if last:
            self._next_line()
        return None

    def overflow(self) -> Answer:
        # What follows an overlong line cannot be told from what belongs to it (a literal may have been
        # announced at its end), so the connection ends.
        return self.bye("The line is too long", Code.LIMIT)

    def expired(self) -> Answer:
        return encode(bye("Nothing was heard for too long"), self.kind)

    def draining(self) -> Answer:
        if self._assembly is not None or isinstance(self.dialogue, Upload):
            self._draining = True  # after the command that is coming in
            return None
        return self.bye("The server stops")

    def writable_again(self) -> None:
        if self.pushing is not None:
            self.pushing.writable_again()
        if self.dialogue is not None:
            self.dialogue.writable_again()

    def closed(self) -> None:
        if self.pushing is not None:
            self.pushing.closed()
            self.pushing = None
        if self.dialogue is not None:
            self.dialogue.closed()
            self.dialogue = None
        self.view = None
        self.contexts = Contexts()

    # Commands coming in.

    def _next_line(self) -> None:
        self.wants = Line(limits.LINE if self.logged_in else limits.LINE_BEFORE_LOGIN)

    def resume(self) -> None:
        """The dialogue is over, the next line is a command."""
        self.dialogue = None
        self._next_line()
        if self.logged_in:
            self.timeout = self.services.settings.idle_timeout

    async def _assemble(self, line: bytes) -> Answer:
        """A line that ends in a literal, follows one, or has something wrong with its end."""
        assembly = self._assembly
        if assembly is None:
            assembly = self._assembly = Assembly(self.logged_in)
        assembly.line(line)
        if self.connection.bare_lf:
            assembly.wrong(Fault("A line ends in CR LF"))  # RFC 9051 2.2
        try:
            literal = literal_at_end(line)
        except PeerSyntax as error:
            return self.bye(str(error), Code.TOOBIG)
        if literal is None or (literal.sync and assembly.fault is not None):
            # A client that waits for our `+` sends nothing more of a command that is answered instead.
            self._assembly = None
            return await self._assembled(assembly)
        if assembly.fault is None and self.logged_in and (upload := self._maybe_upload(assembly)):
            self._assembly = None
            self.timeout = self.services.settings.upload_timeout
            self.dialogue = upload
            return await upload.begin()
        assembly.expect(literal)
        if assembly.fault is not None and literal.sync:
            self._assembly = None
            return await self._assembled(assembly)
        if literal.size > self.most_dropped:
            return self.bye("The literal is too large", Code.TOOBIG)
        self.wants = Octets(literal.size)
        return encode(Continue("Go ahead"), self.kind) if literal.sync else None

    def _maybe_upload(self, assembly: Assembly) -> Upload | None:
        try:
            head = split(assembly.pieces[0])
            begin = UPLOADS.get(head.name)
            return begin(self, assembly.pieces, head) if begin and head.name in self._rows else None
        except PeerSyntax as error:
            assembly.wrong(Fault(str(error)))
            return None

    async def _assembled(self, assembly: Assembly) -> Answer:
        if assembly.fault is None:
            return await self._execute(assembly.pieces)
        return self._answer_bad(assembly.pieces[0], assembly.fault)

    @property
    def most_dropped(self) -> int:
        """The largest literal that is read only to be dropped."""
        if not self.logged_in:
            return limits.LINE_BEFORE_LOGIN
        return self.services.settings.append_limit * DROP_FACTOR

    # Commands being carried out.

    async def _execute(self, pieces: list[bytes]) -> Answer:
        try:
            head = split(pieces[0])
            row = self._rows.get(head.name)
            if row is None:
                raise PeerSyntax(f"{head.name} is not allowed now" if head.name in TABLE else unknown(head))
            command = arguments(pieces, self.kind.utf8, head)
            if isinstance(command, Search | Multisearch | Sort | Thread) and command.mentions(Sequence):
                row = BY_NUMBER.get(row.name, row)
            if row.numbers and self.kind.uid_only:
                raise UidRequired
        except PeerSyntax as error:
            return self._answer_bad(pieces[0], _fault(error))
        except Refused as refused:
            refused_unparsed(self, pieces[0])
            return encode(no(head.tag, refused.text, refused.code), self.kind)
        return await self.conclude(head.tag, row, HANDLERS[row.name](self, head.tag, command))

    async def conclude(self, tag: bytes, row: Row, work: Coroutine[Any, Any, Outcome]) -> Answer:
        """Do the work, then end the command."""
        self.busy = True
        before = b""
        if row.sync:
            try:
                if not telling.nothing_new(self, expunge=False, looked=False):
                    before = await telling.news(self, expunge=False)
            except Exception as error:
                work.close()
                return await self._failed(tag, row, error)
        try:
            outcome = await work
        except Exception as error:
            return _after(before + self._said_first(), await self._failed(tag, row, error))
        if self.first:
            before += self._said_first()
        if isinstance(outcome, Begun):
            self._over()
            return before + (encode(outcome.response, self.kind) if outcome.response else b"")
        self._bad = 0
        data = before + outcome.told
        if outcome.data:
            data = b"".join([before, *[encode(one, self.kind) for one in outcome.data], outcome.told])
        if outcome.stream is not None:
            return self._streamed(tag, row, data, outcome, outcome.stream)
        return _after(data, await self._end(tag, row, outcome))

    def _said_first(self) -> bytes:
        said = b"".join([encode(one, self.kind) for one in self.first])
        self.first.clear()
        return said

    async def _streamed(
        self, tag: bytes, row: Row, data: bytes, done: Done, stream: AsyncGenerator[bytes, None]
    ) -> AsyncIterator[bytes]:
        if data:
            yield data
        try:
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    yield piece
        except Torn:
            raise
        except Exception as error:
            end = await self._failed(tag, row, error)
        else:
            end = await self._end(tag, row, done)
        if isinstance(end, bytes):
            yield end
        else:
            async for piece in end:
                yield piece

    async def _end(self, tag: bytes, row: Row, done: Done) -> End:
        news, highest = b"", None
        if self.view is not None:
            expunge, looked = self._announces(row), row.looks or row.sync
            if not looked or not telling.at_rest(self, self.view, expunge=expunge):
                news, highest = await telling.at_end(self, expunge=expunge, own=done.own, looked=looked)
        response = StatusResponse(tag, done.condition, done.text, done.code)
        return self._late(news, response, highest) if self.untold else self._tagged(news, response, highest)

    async def _late(
        self, news: bytes, response: StatusResponse, highest: HighestModseq | None
    ) -> AsyncGenerator[bytes, None]:
        if news:
            yield news
        async for piece in untold.pieces(self):
            yield piece
        yield self._tagged(b"", response, highest)

    async def _failed(self, tag: bytes, row: Row, error: Exception) -> End:
        """The answer to a command that failed, by whose fault it is (model.errors)."""
        if isinstance(error, PeerSyntax):
            return self._answer_bad(tag, _fault(error))
        if isinstance(error, NoAccount) and self.logged_in:
            return self._tagged(telling.end(self, error), no(tag, error.text, error.code))
        if isinstance(error, Refused):
            if isinstance(error, NoRight):
                self.services.refused(self.address, self.channel, "", f"{row.name}: {error.text}")
            response = no(tag, error.text, error.code)
            self._bad = 0
        else:
            trace = self.services.report(error)
            response = no(tag, f"This is a fault of the server, logged as {trace}", Code.SERVERBUG)
        news, highest = b"", None
        if self.view is not None:
            news, highest = await telling.at_end(self, expunge=self._announces(row))
        return self._late(news, response, highest) if self.untold else self._tagged(news, response, highest)

    async def _failed_shortly(self, line: bytes, error: Exception) -> Answer:
        head = split(line)
        return _after(b"", await self._failed(head.tag, self._rows[head.name], error))

    def _announces(self, row: Row) -> bool:
        """Whether the end of this command may tell of expunges."""
        # Deviates: RFC 5465 3.1 has a client that asked for no events of the selected mailbox hear of none.
        # When it expunges itself it hears of all expunges: message numbers cannot tell them apart.
        hears = self.notified is None or self.notified.hears_messages
        return row.expunge and (hears or row.family in ("expunge", "copy", "replace"))

    def _over(self) -> None:
        """The command has been answered, or goes on as a dialogue."""
        self.busy = False
        if self.pushing is not None:
            self.pushing.wake()

    def _tagged(self, news: bytes, response: StatusResponse, highest: HighestModseq | None = None) -> bytes:
        self._over()
        if self.gone:
            self.connection.close()
            return news
        if highest is not None:
            # RFC 7162 3.2.7: in the tagged OK of EXPUNGE; elsewhere wherever there is room.
            if response.condition == "OK" and response.code is None:
                response = replace(response, code=highest)
            else:
                news += encode(ok(None, "The highest mod-sequence", highest), self.kind)
        last = encode(response, self.kind)
        if self._draining:
            return news + last + self.bye("The server stops")
        return news + last if news else last

    def _answer_bad(self, line: bytes, fault: Fault) -> bytes:
        """BAD, tagged if the line has a tag."""
        self._over()
        self._bad += 1
        answer = encode(bad(_tag_of(line), fault.text, fault.code), self.kind)
        if self._bad >= (MAX_BAD if self.logged_in else MAX_BAD_BEFORE_LOGIN):
            return answer + self.bye("Too many bad commands", Code.CLIENTBUG)
        return answer + self.bye("The server stops") if self._draining else answer

    def bye(self, text: str, code: Code | None = None) -> bytes:
        self.connection.close()
        return encode(bye(text, code), self.kind)


_BAD_CODES: dict[type[PeerSyntax], ResponseCode] = {UidRequired: Mark.UIDREQUIRED, ClientBug: Code.CLIENTBUG}


def _after(data: bytes, end: End) -> Answer:
    return data + end if isinstance(end, bytes) else _both(data, end)


async def _both(data: bytes, end: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    if data:
        yield data
    async for piece in end:
        yield piece


def _fault(error: PeerSyntax) -> Fault:
    return Fault(str(error), _BAD_CODES.get(type(error)))


def _tag_of(line: bytes) -> bytes | None:
    try:
        return split(line).tag
    except PeerSyntax:
        return None
