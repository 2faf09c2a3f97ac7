"""What a client knows of one mailbox purely from what the server tells it, and what it may never be told.

A `Picture` hears untagged lines. It keeps one entry a message in the order of the message numbers, and the
HIGHESTMODSEQ it would use to catch up after a lost connection, by the rules that RFC 7162 6 gives to clients.
Whatever contradicts what was said before, on this connection or to another client, is a `Contradiction`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Flags = frozenset[bytes]
Known = tuple[Flags, int]  # flags and mod-sequence, 0 where the client does not want to know it

_NUMBERED = re.compile(rb"\* (\d+) (EXISTS|RECENT|EXPUNGE|FETCH|UIDFETCH)(?: \((.*)\))?", re.DOTALL)
_VANISHED = re.compile(rb"\* VANISHED (\(EARLIER\) )?([\d:,]+)")
_HIGHEST = re.compile(rb"\* OK \[HIGHESTMODSEQ (\d+)\]")
_UID = re.compile(rb"\bUID (\d+)")
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)")
_MODSEQ = re.compile(rb"\bMODSEQ \((\d+)\)")


class Contradiction(AssertionError):
    """The server said what cannot be."""


@dataclass(slots=True)
class Message:
    uid: int = 0
    flags: Flags | None = None
    modseq: int = 0


@dataclass(frozen=True, slots=True)
class Mode:
    """What a client has asked the server for."""

    condstore: bool = False
    qresync: bool = False
    uidonly: bool = False
    notify: str = ""  # "SELECTED" or "SELECTED-DELAYED"

    @property
    def wants_modseq(self) -> bool:
        return self.condstore or self.qresync

    @property
    def vanishes(self) -> bool:
        return self.qresync or self.uidonly

    @property
    def by_uid(self) -> bool:
        """RFC 5465 5.3: the numbers of such a client may change at any time."""
        return self.uidonly or self.notify == "SELECTED"


@dataclass(slots=True)
class Ledger:
    """What all clients together were told: a UID is one message, and a (UID, MODSEQ) one state of it."""

    states: dict[tuple[int, int, int], Flags] = field(default_factory=dict)
    letters: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def state(self, uidvalidity: int, uid: int, modseq: int, flags: Flags) -> None:
        before = self.states.setdefault((uidvalidity, uid, modseq), flags)
        if before != flags:
            raise Contradiction(
                f"UID {uid} at MODSEQ {modseq} was {sorted(before)} and now is {sorted(flags)}"
            )

    def letter(self, uidvalidity: int, uid: int, letter: bytes) -> None:
        before = self.letters.setdefault((uidvalidity, uid), letter)
        if before != letter:
            raise Contradiction(f"UID {uid} was {before!r} and now is {letter!r}")


class Picture:
    def __init__(self, mode: Mode, ledger: Ledger) -> None:
        self.mode = mode
        self.ledger = ledger
        self.messages: list[Message] = []
        self.uidvalidity = 0
        self.highest = 0
        self.filled = 0  # every message up to this UID has been asked for and told
        self.gone: set[int] = set()  # what vanished, earlier or while the mailbox is open
        self.answered: set[int] = set()  # UIDs whose flags came with the last command
        self._flagged: set[int] = set()  # or have come since
        self._modseqs: dict[int, int] = {}  # greatest so far, by UID
        self._announced = 0  # by a HIGHESTMODSEQ code since the last tagged response
        self._fetched = 0  # greatest MODSEQ since then

    # What is heard

    def hear(self, line: bytes, *, expunges: bool = True, earlier: bool = False) -> None:
        """One untagged line. `expunges`: messages may go now; `earlier`: their past was asked for."""
        if found := _NUMBERED.fullmatch(line):
            number, what = int(found[1]), found[2]
            if what == b"EXISTS":
                self._exists(number)
            elif what == b"EXPUNGE":
                self._expunge(number, expunges)
            elif what == b"FETCH":
                self._fetch(self._numbered(number), found[3])
            elif what == b"UIDFETCH":
                self._uidfetch(number, found[3])
        elif found := _VANISHED.fullmatch(line):
            if found[1]:
                self._require(earlier, "VANISHED (EARLIER) where nobody asked for it")
                self._earlier(numbers(found[2]))
            else:
                self._require(expunges, "VANISHED where nothing may go")
                self._require(self.mode.vanishes, "VANISHED to a client that does not know it")
                for uid in numbers(found[2]):
                    self._vanish(uid)
        elif found := _HIGHEST.match(line):
            self._announced = int(found[1])

    def tagged(self, code: bytes) -> None:
        """A command has ended; `code` is the response code of its tagged response."""
        if found := re.fullmatch(rb"HIGHESTMODSEQ (\d+)", code):
            self._announced = int(found[1])
        # RFC 7162 6: the code is used even where higher mod-sequences were seen, else the highest of those.
        if self._announced:
            self.highest = self._announced
        elif self._fetched > self.highest:
            self.highest = self._fetched
        self._announced = self._fetched = 0
        self.answered, self._flagged = self._flagged, set()

    # What is known

    def uids(self) -> list[int]:
        return [message.uid for message in self.messages if message.uid]

    def complete(self) -> bool:
        return all(self._known(message) for message in self.messages)

    def filled_up(self) -> None:
        """What was missing has been fetched; perhaps more has come meanwhile."""
        if self.complete() and self.messages:
            self.filled = max(self.filled, self.messages[-1].uid)

    def blank(self) -> bool:
        return any(not message.uid for message in self.messages)

    def unknown(self) -> set[int]:
        """UIDs of which something else is not known."""
        return {message.uid for message in self.messages if message.uid and not self._known(message)}

    def cached(self) -> dict[int, Message]:
        """What may be kept for the next connection."""
        return {message.uid: message for message in self.messages if 0 < message.uid <= self.filled}

    def restore(self, cached: dict[int, Message]) -> None:
        """Fill in, after SELECT, what was cached and has not vanished since. What was told may be old and yet
        not cached: where the server has lost some of its past, messages come back."""
        told = {message.uid: message for message in self.messages if message.uid}
        uids = sorted({*(cached.keys() - self.gone), *told})
        if self.mode.uidonly:
            self._require(len(uids) <= len(self.messages), f"more are left than there are: {uids}")
            blanks = [Message() for _ in range(len(self.messages) - len(uids))]
            self.messages = [told.get(uid) or cached[uid] for uid in uids] + blanks
            return
        old = [uid for uid in uids if uid <= max(self.filled, *cached, 0)]
        self._require(len(old) <= len(self.messages), f"more are left than there are: {old}")
        for index, uid in enumerate(old):
            message = self.messages[index]
            self._require(message.uid in (0, uid), f"number {index + 1} is UID {message.uid}, not {uid}")
            if not message.uid:
                self.messages[index] = cached[uid]

    def agrees(self, truth: dict[int, Known]) -> str:
        """Nothing where all that is known is so; else what is not."""
        if len(self.messages) != len(truth):
            return f"{len(self.messages)} messages, not {len(truth)}"
        for number, (message, there) in enumerate(zip(self.messages, sorted(truth)), 1):
            # Without numbers, only which messages there are can be compared.
            uid = message.uid if self.mode.uidonly and message.uid else there
            if message.uid not in (0, uid) or uid not in truth:
                return f"number {number} is UID {there}, not {message.uid}"
            if not message.uid and self.mode.uidonly:
                continue
            flags, modseq = truth[uid]
            if message.flags not in (None, flags):
                return f"UID {uid} has {sorted(flags)}, not {sorted(message.flags or ())}"
            if self.mode.wants_modseq and message.modseq not in (0, modseq):
                return f"UID {uid} has MODSEQ {modseq}, not {message.modseq}"
        return ""

    def assume(self, uids: set[int], mode: bytes, flags: Flags) -> None:
        """The outcome of the .SILENT STORE just answered, for those whose flags the answer did not show."""
        for message in self.messages:
            if message.uid in uids - self.answered and message.flags is not None:
                if mode == b"+":
                    message.flags |= flags
                elif mode == b"-":
                    message.flags -= flags
                else:
                    message.flags = flags

    def forget(self, uids: set[int]) -> None:
        """Nothing is known of their flags any more."""
        for message in self.messages:
            if message.uid in uids:
                message.flags = None

    # Responses

    def _exists(self, count: int) -> None:
        self._require(count >= len(self.messages), f"{count} EXISTS of {len(self.messages)} messages")
        self.messages += [Message() for _ in range(count - len(self.messages))]

    def _expunge(self, number: int, expunges: bool) -> None:
        self._require(expunges, "EXPUNGE where numbers may not change")
        self._require(not self.mode.vanishes, "EXPUNGE instead of VANISHED")
        self._numbered(number)
        del self.messages[number - 1]

    def _vanish(self, uid: int) -> None:
        self.gone.add(uid)
        blank = None
        for index, message in enumerate(self.messages):
            if message.uid == uid:
                del self.messages[index]
                return
            if not message.uid:
                blank = index
            elif message.uid < uid:
                blank = None
            elif not self.mode.uidonly:
                break
        if blank is None:
            raise Contradiction(f"UID {uid} vanished, and was not there")
        del self.messages[blank]  # whichever of its neighbours: nothing is known of them

    def _earlier(self, uids: list[int]) -> None:
        present = set(self.uids()).intersection(uids)
        self._require(not present, f"present, and vanished earlier: {sorted(present)}")
        self.gone.update(uids)

    def _fetch(self, message: Message, items: bytes) -> None:
        self._require(not self.mode.uidonly, "FETCH instead of UIDFETCH")
        uid = _UID.search(items)
        if uid:
            self._require(message.uid in (0, int(uid[1])), f"UID {message.uid} became {int(uid[1])}")
            message.uid = int(uid[1])
            self._ordered(message)
        else:
            self._require(not self.mode.qresync, "FETCH without UID after QRESYNC was enabled")
        self._note(message, items)

    def _uidfetch(self, uid: int, items: bytes) -> None:
        self._require(self.mode.uidonly, "UIDFETCH to a client that does not know it")
        named = _UID.search(items)
        self._require(named is None or int(named[1]) == uid, f"UIDFETCH {uid} says {items!r}")
        blank = None
        for message in self.messages:
            if message.uid == uid:
                return self._note(message, items)
            if not message.uid:
                blank = message
        if blank is None:
            raise Contradiction(f"UIDFETCH {uid}, which is not there")
        blank.uid = uid
        # Such a client has no numbers: what it does not know yet stands at the end.
        self.messages.sort(key=lambda message: message.uid or 1 << 32)
        self._note(blank, items)

    def _note(self, message: Message, items: bytes) -> None:
        flags, modseq = _FLAGS.search(items), _MODSEQ.search(items)
        if modseq:
            self._require(self.mode.wants_modseq, "MODSEQ to a client that did not ask")
            value = int(modseq[1])
            self._require(0 < value < 1 << 63, f"MODSEQ {value}")  # RFC 7162 7
            if message.uid:
                before = self._modseqs.get(message.uid, 0)
                self._require(value >= before, f"MODSEQ of UID {message.uid} fell from {before} to {value}")
                self._modseqs[message.uid] = value
            message.modseq = value
            self._fetched = max(self._fetched, value)
        if flags:
            # RFC 7162 3.1: this client always asks for MODSEQ itself, and is owed it in all other cases.
            self._require(bool(modseq) or not self.mode.wants_modseq, f"FLAGS without MODSEQ: {items!r}")
            message.flags = frozenset(flag.lower() for flag in flags[1].split()) - {b"\\recent"}
            if message.uid:
                self._flagged.add(message.uid)
                if modseq and self.uidvalidity:
                    self.ledger.state(self.uidvalidity, message.uid, message.modseq, message.flags)

    # Helping them

    def _numbered(self, number: int) -> Message:
        self._require(0 < number <= len(self.messages), f"number {number} of {len(self.messages)}")
        return self.messages[number - 1]

    def _ordered(self, message: Message) -> None:
        known = self.uids()
        self._require(known == sorted(set(known)), f"UIDs do not rise: {known}")

    def _known(self, message: Message) -> bool:
        return bool(
            message.uid and message.flags is not None and (message.modseq or not self.mode.wants_modseq)
        )

    @staticmethod
    def _require(holds: bool, otherwise: str) -> None:
        if not holds:
            raise Contradiction(otherwise)


def numbers(text: bytes) -> list[int]:
    """The numbers of a sequence set without `*`."""
    out: list[int] = []
    for piece in text.split(b","):
        low, _, high = piece.partition(b":")
        ends = sorted((int(low), int(high or low)))
        out.extend(range(ends[0], ends[1] + 1))
    return out


def sequence(chosen: list[int] | set[int]) -> bytes:
    """A sequence set of them, with runs where there are any."""
    runs: list[list[int]] = []
    for number in sorted(chosen):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in runs)
