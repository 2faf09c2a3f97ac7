"""What goes into the queue and comes out of it, as plain data; and how content is kept in it."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from pillarbox.delivery.queue.database import FOLDER
from pillarbox.delivery.wishes import NONE, Wishes
from pillarbox.identity.addresses import fold_domain
from pillarbox.store import compress
from pillarbox.store.spool import refusing
from pillarbox.store.staged import Staged

REQUIRED, OPTIONAL = "required", "optional"  # what a letter says of TLS; "" is nothing


@dataclass(frozen=True, slots=True)
class Waiting:
    """One recipient. `target` is an address elsewhere, or, if it is `local`, the account's own address."""

    address: str
    target: str
    local: bool = False
    detail: str | None = None
    notify: str = ""
    orcpt: str = ""
    due_at: int = 0
    n: int = 0
    attempts: int = 0
    told_delay: bool = False
    reply: str = ""
    held: bool = False
    taken: bool = False
    told_late: bool = False

    @property
    def domain(self) -> str:
        """Of where it goes, folded; "" is here."""
        return "" if self.local else fold_domain(self.target.rpartition("@")[2])

    def tells(self, event: str) -> bool:
        """Whether the sender wants to hear of this (RFC 3461 4.1); FAILURE and DELAY unless it said."""
        return event in self.notify.split(",") if self.notify else event in ("FAILURE", "DELAY")


@dataclass(frozen=True, slots=True)
class Content:
    """Compressed as in the store: in a row, or in the file of that name in the folder of the queue."""

    size: int
    dictionary: int
    frames: bytes | None
    data: bytes | None
    file: str = ""

    def read(self, folder: Path) -> bytes:
        """All of it."""
        stored = (folder / FOLDER / self.file).read_bytes() if self.data is None else self.data
        begin = start = 0
        pieces = []
        for end, stored_end in compress.unpack(self.frames, self.size, len(stored)):
            pieces.append(compress.decompress(stored[begin:stored_end], self.dictionary, end - start))
            begin, start = stored_end, end
        return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class Letter:
    """`account` submitted it; 0 is nobody here. `id` is 0 until it is in the queue. `tls` is "required" or
    "optional" where its sender says so (RFC 8689)."""

    trace: str
    sender: str
    content: Content
    arrived_at: int
    message_id: str = ""
    account: int = 0
    utf8: bool = False
    body: str = "8BITMIME"
    ret: str = ""
    envid: str = ""
    wishes: Wishes = NONE
    id: int = 0
    tls: str = ""

    @property
    def begins_at(self) -> int:
        """From when on it is tried: what is held is not old by that."""
        return self.arrived_at if self.wishes.hold is None else max(self.arrived_at, self.wishes.hold.until)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the record. `event` is a word or two; `address` whom it is about, if anybody."""

    at: int
    trace: str
    message_id: str
    event: str
    address: str = ""
    text: str = ""


def keep(staged: Staged, folder: Path, name: str) -> Content:
    """Content that a row may point to: a large one has its file, synced. For a thread."""
    content = Content(staged.size, staged.dictionary, staged.frames, staged.data)
    if staged.spool is None:
        return content
    place = folder / FOLDER
    with refusing():
        place.mkdir(mode=0o700, exist_ok=True)
        staged.spool.link(place / name)
        for each in (place, folder):
            descriptor = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    return replace(content, file=name)


def small(raw: bytes) -> Content:
    """Content that fits in a row for sure, such as a report of ours."""
    return Content(len(raw), compress.DICTIONARY, None, compress.compress_whole(raw))


def forget(content: Content, folder: Path) -> None:
    """Its row is gone, or never came to be."""
    if content.file:
        (folder / FOLDER / content.file).unlink(missing_ok=True)
