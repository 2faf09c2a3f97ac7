"""Reading message bytes back.

A `Blob` is a plain value that outlives the transaction it was read in: the compressed bytes of a row, or
an open file. Blobs never change, so it stays right whatever happens to the account meanwhile.
"""

from collections.abc import Iterable

from pillarbox.model.errors import Code, Refused
from pillarbox.store import compress
from pillarbox.store.objects import File
from pillarbox.store.staged import Place
from pillarbox.store.tx import Tx

COLUMNS = ("place", "dict", "frames", "data")  # of `emails.COLUMNS`: what a blob is opened with
_ROW = f"SELECT size, {', '.join(COLUMNS)} FROM blob WHERE account = ? AND id = ?"
_HEADER = (
    "SELECT e.header_size, b.id, b.size, b.place, b.dict, b.frames, b.data FROM email e JOIN blob b"
    " ON b.account = e.account AND b.id = e.blob WHERE e.account = ? AND e.id = ?"
)
_FOLLOWING = (
    f"SELECT e.id, e.blob, b.size, {', '.join(f'b.{column}' for column in COLUMNS)} FROM email e"
    " LEFT JOIN blob b ON b.account = e.account AND b.id = e.blob"
    " WHERE +e.account = ? AND e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?"
)


class Blob:
    """The octets of one message. `read` opens only the frames that the stretch lies in, and keeps the
    last one, because readers go forward in pieces smaller than a frame."""

    __slots__ = ("_data", "_dictionary", "_file", "_index", "_kept", "_kept_number", "size")

    def __init__(
        self, size: int, dictionary: int, index: compress.Index, data: bytes | None, file: File | None
    ) -> None:
        self.size = size
        self._dictionary = dictionary
        self._index = index
        self._data = data
        self._file = file
        self._kept = b""
        self._kept_number = -1

    def read(self, start: int, end: int) -> bytes:
        """Octets from `start` up to, not including, `end`; fewer where the message ends before."""
        end = min(end, self.size)
        if start >= end:
            return b""
        if len(self._index) == 1:
            frame = self._frame(0)
            return frame if end - start == self.size else frame[start:end]
        pieces = []
        number = compress.frame_at(self._index, start)
        while start < end:
            first, last = (self._index[number - 1][0] if number else 0), self._index[number][0]
            stop = min(end, last)
            frame = self._frame(number)
            pieces.append(frame if start == first and stop == last else frame[start - first : stop - first])
            start = stop
            number += 1
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _frame(self, number: int) -> bytes:
        if number == self._kept_number:
            return self._kept
        first, begin = self._index[number - 1] if number else (0, 0)
        last, end = self._index[number]
        if self._file is not None:
            stored = self._file.read(begin, end)
        else:
            assert self._data is not None
            stored = self._data[begin:end] if len(self._index) > 1 else self._data
        try:
            self._kept = compress.decompress(stored, self._dictionary, last - first)
        except compress.Damaged as error:
            raise Refused("The message is damaged on disk", Code.CORRUPTION, temporary=True) from error
        self._kept_number = number
        return self._kept


def open_blob(tx: Tx, blob: int) -> Blob:
    """The blob of that id. Refused when it has been erased."""
    row = tx.row(_ROW, tx.account, blob)
    if row is None:
        raise _erased()
    found = of_row(tx, blob, *row)
    if found is None:
        raise _erased()
    return found


def following(tx: Tx, email: int, up_to: int, limit: int) -> list[tuple[int, Blob | None]]:
    """The emails with the next ids above `email`, with their blobs; None for what has been erased."""
    found = tx.rows(_FOLLOWING, tx.account, email, up_to, limit)
    return [(email, of_row(tx, blob, *row)) for email, blob, *row in found]


def of_row(
    tx: Tx,
    blob: int,
    size: int,
    place: int | None,
    dictionary: int,
    frames: bytes | None,
    data: bytes | None,
) -> Blob | None:
    """The blob that these columns say; None when it has been erased, with its row or only its file."""
    if place is None:
        return None
    file = None
    if place == Place.FILE:
        try:
            file = tx.file(blob)
        except FileNotFoundError:
            return None
    stored = file.size if file is not None else len(data or b"")
    return Blob(size, dictionary, compress.unpack(frames, size, stored), data, file)


def octets(size: int, place: int | None, dictionary: int, frames: bytes | None, data: bytes | None) -> bytes:
    """What is in these columns. Refused where the octets are in a file, erased, or damaged."""
    if place != Place.INLINE or data is None:
        raise _erased()
    if frames is not None:
        return Blob(size, dictionary, compress.unpack(frames, size, len(data)), data, None).read(0, size)
    try:
        return compress.decompress(data, dictionary, size)
    except compress.Damaged as error:
        raise Refused("The message is damaged on disk", Code.CORRUPTION, temporary=True) from error


def raw(tx: Tx, blob: int) -> bytes:
    """All octets of a blob: for those that are known to be small."""
    row = tx.row(_ROW, tx.account, blob)
    if row is not None and row[3] is None and row[1] == Place.INLINE:
        try:
            return compress.decompress(row[4], row[2], row[0])
        except compress.Damaged as error:
            raise Refused("The message is damaged on disk", Code.CORRUPTION, temporary=True) from error
    opened = open_blob(tx, blob)
    return opened.read(0, opened.size)


def header(tx: Tx, blob: int, header_size: int) -> bytes:
    """The header up to and including the blank line; for a large message only its first frames are read."""
    return open_blob(tx, blob).read(0, header_size)


class TooLong(Exception):
    """These headers have more octets than may be held together."""


def headers(tx: Tx, emails: Iterable[int], most: int) -> list[bytes | None]:
    """The headers of emails, None for those that have been erased. `TooLong` beyond `most` octets in all."""
    out: list[bytes | None] = []
    for email in emails:
        row = tx.row(_HEADER, tx.account, email)
        if row is None:
            out.append(None)
            continue
        header_size, blob, size, place, dictionary, frames, data = row
        most -= header_size
        if most < 0:
            raise TooLong
        try:
            if frames is None and place == Place.INLINE:
                out.append(compress.decompress(data, dictionary, size)[:header_size])
            else:
                out.append(header(tx, blob, header_size))
        except compress.Damaged as error:
            raise Refused("The message is damaged on disk", Code.CORRUPTION, temporary=True) from error
        except Refused as refused:
            if refused.code is not Code.NONEXISTENT:
                raise
            out.append(None)
    return out


def _erased() -> Refused:
    return Refused("The message has been erased", Code.NONEXISTENT)
