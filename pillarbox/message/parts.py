"""Where each part of a message is, and how a section finds its octets.

`pack` is what the store keeps as `offsets`; `unpack` gives it back as a table, `layout` the numbers in it.
Numbering is IMAP's (RFC 9051 6.4.5): the parts of a multipart are numbered from 1; a message that is no
multipart has one part, 1; the parts of a message inside a message/rfc822 part continue that part's number.
"""

import struct
from dataclasses import dataclass
from typing import NamedTuple

from pillarbox.message.section import Section
from pillarbox.message.walk import Kind, Node

Path = tuple[int, ...]

# What messages have in common that are no multipart and hold no message.
_ONE: tuple[Path, ...] = ((1,),)
_FIRST: dict[Path, int] = {(1,): 0}
_NO_CHILDREN: tuple[tuple[int, ...], ...] = ((),)

_SINGLE = (1).to_bytes(4, "little")  # how many rows
_ROW = struct.Struct("<6I")  # start, body, end, lines, parent's row + 1, kind


@dataclass(frozen=True, slots=True)
class Part:
    """An entity: its MIME header from `start`, its content from `body` to `end`.

    `path` is how BODY[...] names it. A multipart that is a whole message has the path of that message:
    () for the outermost, the message/rfc822 part's own otherwise. `children` are rows of the table.
    """

    path: Path
    start: int
    body: int
    end: int
    lines: int
    kind: Kind
    type: str
    subtype: str
    encoding: str
    charset: str
    parent: int
    children: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PartTable:
    """All entities in the order of the message; row 0 is the message itself. `by_path` has the row that
    BODY[path] means."""

    parts: tuple[Part, ...]
    by_path: dict[Path, int]


def pack(root: Node) -> bytes:
    """The table of `root`'s entities: rows, then their texts."""
    rows: list[bytes] = []
    texts: list[str] = []
    pending: list[tuple[Node, int]] = [(root, 0)]
    while pending:
        node, parent = pending.pop()
        rows.append(_ROW.pack(node.start, node.body, node.end, node.lines, parent, node.kind))
        texts += (node.content.type, node.content.subtype, node.encoding, node.content.charset)
        number = len(rows)
        pending += [(child, number) for child in reversed(node.children)]
    text = "\0".join(texts)
    if text.count("\0") != len(texts) - 1:
        text = "\0".join([each.replace("\0", "") for each in texts])
    return b"%b%b%b" % (len(rows).to_bytes(4, "little"), b"".join(rows), text.encode("utf-8", "replace"))


class Layout(NamedTuple):
    """What `offsets` says of where things are: most sections need no more of it than two numbers."""

    rows: tuple[tuple[int, ...], ...]  # as in _ROW
    paths: tuple[Path, ...]
    by_path: dict[Path, int]
    children: tuple[tuple[int, ...], ...]


def layout(offsets: bytes) -> Layout:
    rows = tuple(_ROW.iter_unpack(offsets[4 : _end_of_rows(offsets)]))
    if len(rows) == 1 and rows[0][5] != Kind.MULTIPART:
        return Layout(rows, _ONE, _FIRST, _NO_CHILDREN)
    children: list[list[int]] = [[] for _ in rows]
    paths: list[Path] = []
    by_path: dict[Path, int] = {}
    for row, (_, _, _, _, parent, kind) in enumerate(rows):
        if parent == 0:
            base: Path = ()
            whole = True
        else:
            children[parent - 1].append(row)
            base = paths[parent - 1]
            whole = rows[parent - 1][5] == Kind.MESSAGE
        if not whole:
            path = (*base, len(children[parent - 1]))
        else:
            path = base if kind == Kind.MULTIPART else (*base, 1)
        paths.append(path)
        by_path.setdefault(path, row)
    return Layout(rows, tuple(paths), by_path, tuple([tuple(each) for each in children]))


def first(offsets: bytes) -> tuple[int, int] | None:
    """As `locate` says of part 1, which most clients read, without a look at the others: it is row 1 of a
    multipart, and row 0 of what is none."""
    _, body, end, _, _, kind = _ROW.unpack_from(offsets, 4)
    if kind == Kind.MULTIPART:
        if offsets[:4] == _SINGLE:
            return None
        _, body, end, _, _, _ = _ROW.unpack_from(offsets, 4 + _ROW.size)
    return body, end


def _end_of_rows(offsets: bytes) -> int:
    return 4 + int.from_bytes(offsets[:4], "little") * _ROW.size


def unpack(offsets: bytes) -> PartTable:
    rows, paths, by_path, children = layout(offsets)
    texts = offsets[_end_of_rows(offsets) :].decode("utf-8").split("\0")
    parts = tuple(
        Part(
            paths[row],
            start,
            body,
            end,
            lines,
            Kind(kind),
            texts[row * 4],
            texts[row * 4 + 1],
            texts[row * 4 + 2],
            texts[row * 4 + 3],
            parent - 1,
            children[row],
        )
        for row, (start, body, end, lines, parent, kind) in enumerate(rows)
    )
    return PartTable(parts, by_path)


def find(table: PartTable, path: Path) -> Part | None:
    """The part that `BODY[path]` means; () is the whole message."""
    if not path:
        return table.parts[0]
    row = table.by_path.get(path)
    return None if row is None else table.parts[row]


def locate(found: Layout, section: Section) -> tuple[int, int] | None:
    """The octets a section means, before HEADER.FIELDS selects among them; None when there is no such
    part (RFC 9051 6.4.5)."""
    row = found.by_path.get(section.path) if section.path else 0
    if row is None:
        return None
    start, body, end, _, _, kind = found.rows[row]
    what = section.what
    if section.path:
        if what == "":
            return body, end
        if what == "MIME":
            return start, body
        # HEADER and TEXT need a part of type message/rfc822 or message/global: those of the message in it.
        if kind != Kind.MESSAGE:
            return None
        start, body, end, _, _, _ = found.rows[found.children[row][0]]
    elif what == "":
        return start, end
    elif what == "MIME":
        return None
    if what == "TEXT":
        return body, end
    return start, body
