"""The way through a message: one forward pass over its bytes that finds every part.

A stack holds the entities that are open; a delimiter line closes those inside its multipart. Only
lines that can be delimiters are looked at, by searching for what the boundaries of the open multiparts
have in common, so that the pass costs about as much as `bytes.find`. The limits of `limits.py` make
what lies beyond them one opaque leaf.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import IntEnum

from pillarbox.message import content
from pillarbox.message.content import ContentType
from pillarbox.message.envelope import ADDRESS_FIELDS
from pillarbox.message.envelope import FIELDS as ENVELOPE_FIELDS
from pillarbox.message.header import Raw, fields, header_end
from pillarbox.message.limits import (
    MAX_BOUNDARY,
    MAX_DEPTH,
    MAX_FALSE_DELIMITERS,
    MAX_FIELD,
    MAX_HEADER,
    MAX_PARTS,
)

_WANTED = frozenset(
    (
        *ENVELOPE_FIELDS,
        b"references",
        b"content-type",
        b"content-transfer-encoding",
        b"content-id",
        b"content-description",
        b"content-disposition",
        b"content-md5",
        b"content-language",
        b"content-location",
    )
)
REPEATED = b":"  # stands among the fields where one is there twice; no name is that
_CONTENT = frozenset((b"content-type", b"content-transfer-encoding", b"content-disposition"))
_COUNT_PIECE = 1 << 20


class Kind(IntEnum):
    LEAF = 0
    MULTIPART = 1
    MESSAGE = 2  # message/rfc822 or message/global; its one child is the message inside
    OPAQUE = 3  # declared as one of those two, and not looked into


@dataclass(slots=True)
class Node:
    """An entity (RFC 2045 2.4): a message or a body part. Offsets are into the whole message: header from
    `start`, body from `body`, up to `end`."""

    start: int
    body: int
    end: int
    fields: dict[bytes, bytes]
    content: ContentType
    encoding: str
    kind: Kind
    lines: int = 0
    children: list["Node"] = field(default_factory=list)


def walk(raw: Raw) -> Node:
    """The tree of the message's parts."""
    root = _root(raw, _WANTED)
    if root.kind is Kind.LEAF:
        root.lines = _count(raw, root.body, len(raw))
    else:
        _Walk(raw, root, _WANTED).run()
    return root


def contents(raw: Raw) -> Node:
    """The same tree for who reads what is in the parts: each has the fields that tell how, and no more, and
    that of a single part has no number of lines."""
    root = _root(raw, _CONTENT)
    if root.kind is not Kind.LEAF:
        _Walk(raw, root, _CONTENT).run()
    return root


def _root(raw: Raw, wanted: frozenset[bytes]) -> Node:
    body = header_end(raw)
    return _node(0, body, len(raw), _read(raw, 0, body, wanted), content.TEXT_PLAIN)


def _read(raw: Raw, start: int, end: int, wanted: frozenset[bytes]) -> dict[bytes, bytes]:
    """The fields we want: the first of each name; of addresses all, as one list."""
    found: dict[bytes, bytes] = {}
    for name, value in fields(raw[start : min(end, start + MAX_HEADER)], wanted):
        if len(value) > MAX_FIELD:
            value = value[:MAX_FIELD]
        if name not in found:
            found[name] = value
            continue
        found[REPEATED] = name
        if name in ADDRESS_FIELDS and value and len(found[name]) < MAX_FIELD:
            found[name] = found[name] + b", " + value if found[name] else value
    return found


def _node(start: int, body: int, end: int, found: dict[bytes, bytes], default: ContentType) -> Node:
    declared = found.get(b"content-type")
    kind_of = default if declared is None else content.content_type(declared)
    encoding = content.transfer(found.get(b"content-transfer-encoding")).name
    kind = Kind.LEAF
    if kind_of.type == "multipart":
        kind = Kind.MULTIPART
    elif kind_of.type == "message" and kind_of.subtype in ("rfc822", "global"):
        # RFC 2046 5.2.1 allows only the identity encodings here, RFC 6532 3.7 any for message/global:
        # an encoded message is no structure of ours.
        kind = Kind.OPAQUE if encoding in ("base64", "quoted-printable") else Kind.MESSAGE
    return Node(start, body, end, found, kind_of, encoding, kind)


def _count(raw: Raw, start: int, end: int) -> int:
    """LF octets between the offsets."""
    if isinstance(raw, bytes):
        return raw.count(b"\n", start, end)
    return sum(raw[at : min(at + _COUNT_PIECE, end)].count(b"\n") for at in range(start, end, _COUNT_PIECE))


class _Walk:
    """One pass; `run` once."""

    def __init__(self, raw: Raw, root: Node, wanted: frozenset[bytes]) -> None:
        self.raw = raw
        self.root = root
        self.wanted = wanted
        self.size = len(raw)
        self.open: list[Node] = []  # from the root to the entity being read
        self.boundaries: list[tuple[bytes, int]] = []  # of open multiparts, with their place in `open`
        self.narrow()
        self.false = 0  # lines that began like a delimiter and were none
        self.parts = 1
        self.depth = 0
        self.blank_crlf = self.blank_lf = -1  # next "\n\r\n" and "\n\n" from the place last asked for
        self.counted_to = self.counted = 0

    def run(self) -> None:
        at = self.push(self.root, self.root.body)
        while self.parts < MAX_PARTS:
            line = self.delimiter(at, self.size)
            if line is None:
                break
            start, place, boundary_end = line
            self.close_above(place, self.before_line_end(start))
            multipart = self.open[place]
            at = self.raw.find(b"\n", boundary_end) + 1 or self.size
            if self.raw[boundary_end : boundary_end + 2] == b"--" or at == self.size:
                # RFC 2046 5.1.1: what follows, up to a delimiter of an outer multipart, is its epilogue.
                # A delimiter that nothing follows lacks its dashes.
                if not multipart.children:
                    self.give_only_child(multipart, self.before_line_end(start))
                self.boundaries.pop()
                self.narrow()
            else:
                digest = multipart.content.subtype == "digest"  # RFC 2046 5.1.5
                at = self.start(at, multipart, content.MESSAGE_RFC822 if digest else content.TEXT_PLAIN)
        self.close_above(-1, self.size)

    def start(self, at: int, parent: Node, default: ContentType) -> int:
        """Opens the entity whose header is at `at`; says where to look for the next delimiter."""
        body = seek = self.blank(at)
        line = self.delimiter(at, body)
        if line is not None:  # the header has no end of its own
            seek = line[0]
            body = max(at, self.before_line_end(seek))
        node = _node(at, body, body, _read(self.raw, at, body, self.wanted), default)
        parent.children.append(node)
        self.parts += 1
        return self.push(node, seek)

    def push(self, node: Node, seek: int) -> int:
        """Makes `node` the innermost open entity, and opens what begins with its body."""
        self.open.append(node)
        composite = node.kind in (Kind.MULTIPART, Kind.MESSAGE)
        if composite and (self.depth == MAX_DEPTH or self.parts >= MAX_PARTS):
            node.kind = Kind.OPAQUE
        if node.kind is Kind.MESSAGE or node.content.type == "text":
            node.lines = self.lines_before(node.body)
        if node.kind is Kind.MULTIPART:
            self.depth += 1
            boundary = (node.content.parameter(b"boundary") or b"").rstrip(b" \t")[:MAX_BOUNDARY]
            if boundary:
                self.boundaries.append((boundary, len(self.open) - 1))
                self.narrow()
        elif node.kind is Kind.MESSAGE:
            self.depth += 1
            if seek == node.body:
                return self.start(seek, node, content.TEXT_PLAIN)
            self.give_only_child(node, node.body)  # it ended within its own header
        return seek

    def close_above(self, place: int, end: int) -> None:
        """Ends the entities inside the open one at `place`."""
        while len(self.open) > place + 1:
            node = self.open.pop()
            # After an empty header the line end before the delimiter is the header's blank line.
            node.end = end = max(end, node.body)
            if node.kind is Kind.MULTIPART:
                self.depth -= 1
                if not node.children:
                    self.give_only_child(node, node.end)
            elif node.kind is Kind.MESSAGE:
                self.depth -= 1
            if node.kind is Kind.MESSAGE or node.content.type == "text":
                node.lines = self.lines_before(node.end) - node.lines
        if self.boundaries and self.boundaries[-1][1] > place:
            while self.boundaries and self.boundaries[-1][1] > place:
                self.boundaries.pop()
            self.narrow()

    def give_only_child(self, node: Node, end: int) -> None:
        """A multipart without a single delimiter gets its text as its one part, so that it can be read
        and the body structure stays within the grammar (body-type-mpart has at least one body); a message
        without anything gets an empty text."""
        body = node.body
        end = max(body, end)
        lines = self.lines_before(end) - self.lines_before(body)
        node.children.append(Node(body, body, end, {}, content.TEXT_PLAIN, "7bit", Kind.LEAF, lines))
        self.parts += 1

    def narrow(self) -> None:
        """After a change of `boundaries`: what delimiter lines now look like."""
        places = dict(self.boundaries)  # of equal boundaries the innermost is meant
        self.texts = texts = sorted(places)
        self.places = [places[text] for text in texts]
        self.shorter = [-1] * len(texts)  # the longest other boundary that each begins with
        self.shortest = list(range(len(texts)))  # and the shortest
        for number in range(1, len(texts)):
            other = number - 1
            while other >= 0 and not texts[number].startswith(texts[other]):
                other = self.shorter[other]
            if other >= 0:
                self.shorter[number] = other
                self.shortest[number] = self.shortest[other]
        low, high = (texts[0], texts[-1]) if texts else (b"", b"")
        same = next((i for i, octet in enumerate(low) if octet != high[i]), len(low))
        self.common = b"\n--" + low[:same]
        self.longest = max(map(len, texts), default=0)

    def delimiter(self, low: int, high: int) -> tuple[int, int, int] | None:
        """The first delimiter line that starts in [low, high): its start, its multipart's place in `open`,
        and where its boundary ends.

        RFC 2046 5.1.1: the boundary has to be the beginning of the line, not all of it. Of several that
        are, the longest is meant: a nested boundary often is the outer one and something more.
        """
        texts = self.texts
        if not texts:
            return None
        at, high = low - 1, min(self.size, high + len(self.common) - 2)
        while self.false < MAX_FALSE_DELIMITERS and (at := self.raw.find(self.common, at, high)) >= 0:
            line = self.raw[at + 3 : at + 3 + self.longest]
            # A boundary that begins the line sorts before it, and what sorts in between begins so too.
            number = bisect_right(texts, line) - 1
            if number >= 0 and line.startswith(texts[self.shortest[number]]):
                while not line.startswith(texts[number]):
                    number = self.shorter[number]
                return at + 1, self.places[number], at + 3 + len(texts[number])
            self.false += 1
            at += 1
        return None

    def blank(self, at: int) -> int:
        """`header_end`, remembering where the next blank lines are: a thousand parts without one must
        not search the whole message a thousand times."""
        first = self.raw[at : at + 2]
        if first == b"\r\n":
            return at + 2
        if first[:1] == b"\n":
            return at + 1
        if self.blank_crlf < at:
            found = self.raw.find(b"\n\r\n", at)
            self.blank_crlf = self.size if found < 0 else found
        if self.blank_lf < at:
            found = self.raw.find(b"\n\n", at)
            self.blank_lf = self.size if found < 0 else found
        return min(self.blank_crlf + 3, self.blank_lf + 2, self.size)

    def before_line_end(self, at: int) -> int:
        """RFC 2046 5.1.1: the line end before a delimiter belongs to the delimiter."""
        at -= 1
        return at - 1 if self.raw[at - 1 : at] == b"\r" else at

    def lines_before(self, at: int) -> int:
        """LF octets before `at`; asked for ascending places, so every octet is counted about once."""
        if at >= self.counted_to:
            self.counted += _count(self.raw, self.counted_to, at)
        else:
            self.counted -= _count(self.raw, at, self.counted_to)
        self.counted_to = at
        return self.counted
