"""How a FETCH is answered: items -> a cached `Plan`, rows of columns -> bytes.

Rules of the place, all measured:
* nothing is made per message but its bytes: a line is one %-template, and a batch of lines is that template
  repeated and filled in one go; values arrive as columns or rows and go through as iterators;
* a batch is some hundred messages: `render` makes its bytes in one piece;
* whatever needs a message's octets comes last in its line, so the cheap part of all lines is rendered alike;
* which messages carry \\Recent is the caller's knowledge: `flags_of` maps a flag set to its spelling, and
  those messages are rendered with another mapping than the rest (RFC 3501 2.3.2: they stand together).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import Any

from pillarbox.imap.wire.fetch import FetchItems, Item
from pillarbox.imap.wire.internal_date import internal_date
from pillarbox.imap.wire.strings import Kind, string
from pillarbox.message.structure import body_from_structure, without_global
from pillarbox.model import ids

FlagsOf = Mapping[int, bytes]  # id of a flag set -> its flags, joined by spaces


@dataclass(frozen=True, slots=True)
class Field:
    """One `%` of the template: the columns it is made of, by their index in `Plan.columns`, and how.
    `how` None: as it is; "flags": through `flags_of`."""

    columns: tuple[int, ...]
    how: Callable[..., Any] | str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one list of items needs and how it is written.

    `columns` are asked of the store, in this order; `uid` is always the first, so that rows can be told
    apart, and with `by_uid` lines begin with it and not with the number. With `from_view`, the session's own
    arrays have them all and the store is not read. `bodies` are the items that need the message's octets, in
    the client's order, and the columns to find those with stand in `columns` after what the template uses.
    `lists` are in their place where all of them are header fields, and `whole` where there is but one, the
    message: a column each, literals, after `columns`.
    """

    columns: tuple[str, ...]
    from_view: bool
    sets_seen: bool
    bodies: tuple[Item, ...]
    template: bytes
    fields: tuple[Field, ...]
    by_uid: bool = False
    of_view: tuple[int, ...] = ()  # the columns that a session's own arrays have
    lists: tuple["HeaderList", ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class HeaderList:
    """Some fields of the message's header. `key`: the same for all that mean the same, however spelled."""

    names: frozenset[bytes]
    key: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """A body in pieces: exactly `size` octets, before NULs are replaced."""

    size: int
    pieces: Iterable[bytes]


# What is written for one item of `Plan.bodies`: its octets, NIL, or the number BINARY.SIZE asked for.
Content = bytes | Stream | int | None

_VIEW = frozenset(("uid", "flag_set", "modseq"))


def plan(
    items: FetchItems,
    kind: Kind,
    *,
    uid: bool = False,
    flags: bool = False,
    modseq: bool = False,
    lists: bool = False,
) -> Plan:
    """The plan for `items`. `uid`: answer UID whether asked or not (RFC 9051 6.4.9); `flags`: FLAGS likewise,
    for messages that have just become \\Seen (RFC 9051 6.4.5); `modseq`: MODSEQ (RFC 7162 3.1.4.1);
    `lists`: header fields and whole messages not as `bodies`, where that can be."""
    # RFC 7162 3.2.4: what this FETCH has changed is told like any other change.
    aware = flags and kind.condstore
    asked = kind, uid or aware, flags, modseq or aware, lists
    found: Plan | None = items.plans.get(asked)
    if found is None:
        found = items.plans[asked] = _plan(items, *asked)
    return found


@lru_cache(maxsize=512)
def _plan(items: FetchItems, kind: Kind, uid: bool, flags: bool, modseq: bool, lists: bool) -> Plan:
    asked = {item.what for item in items.items}
    wanted = [item.what for item in items.items if item.what not in _BODIES]
    if uid and "UID" not in asked and not kind.uid_only:
        wanted.insert(0, "UID")
    if flags and "FLAGS" not in asked:
        wanted.append("FLAGS")
    if modseq and "MODSEQ" not in asked:
        wanted.append("MODSEQ")
    bodies = tuple(item for item in items.items if item.what in _BODIES)
    columns: dict[str, int] = {"uid": 0}
    words: list[bytes] = []
    fields: list[Field] = []
    for what in wanted:
        spelling, names, how = _metadata(what, kind)
        words.append(b"%b %b" % (what.encode("ascii"), spelling))
        fields.append(Field(tuple(columns.setdefault(name, len(columns)) for name in names), how))
    header_lists = _header_lists(bodies) if lists else ()
    whole = lists and len(bodies) == 1 and is_whole(bodies[0]) and not bodies[0].seen
    if header_lists or whole:
        for name in ("email",) if header_lists else ("size",):
            columns.setdefault(name, len(columns))
        words += [item.label.replace(b"%", b"%%") + b" %b" for item in bodies]
        fields += [Field((len(columns) + number,)) for number in range(len(bodies))]
        bodies = ()
    for item in bodies:
        for name in _located_by(item):
            columns.setdefault(name, len(columns))
    # RFC 9586 3.3: "* uid UIDFETCH", where the UID item is not repeated unless it was asked for.
    line = (b"* %d UIDFETCH (" if kind.uid_only else b"* %d FETCH (") + b" ".join(words)
    if not bodies:
        line += b")\r\n"
    elif words:
        line += b" "
    return Plan(
        tuple(columns),
        columns.keys() <= _VIEW,
        any(item.seen for item in items.items),
        bodies,
        line,
        tuple(fields),
        kind.uid_only,
        tuple(at for at, name in enumerate(columns) if name in ("flag_set", "modseq")),
        header_lists,
        whole,
    )


_BODIES = frozenset(("SECTION", "BINARY", "BINARY.SIZE"))


def _located_by(item: Item) -> tuple[str, ...]:
    """The columns that say where an item's octets are."""
    section = item.section
    if section is None or (section.path or section.what == "MIME"):
        return ("blob", "size", "offsets")
    return ("blob", "size", "header_size") if section.what else ("blob", "size")


def _header_lists(bodies: tuple[Item, ...]) -> tuple[HeaderList, ...]:
    """`bodies` as such, if all of them are."""
    out: list[HeaderList] = []
    for item in bodies:
        section = item.section
        if section is None or section.path or section.what != "HEADER.FIELDS" or item.seen or item.partial:
            return ()
        names = frozenset(name.lower() for name in section.fields)
        out.append(HeaderList(names, b" ".join(sorted(names))))
    return tuple(out)


def is_whole(item: Item) -> bool:
    """Whether it is the message as it is."""
    section = item.section
    return (
        item.what == "SECTION" and section is not None and not (section.path or section.what or item.partial)
    )


def _metadata(what: str, kind: Kind) -> tuple[bytes, tuple[str, ...], Callable[..., Any] | str | None]:
    """An item's part of the template, its columns and what is done to them."""
    match what:
        case "UID":
            return b"%d", ("uid",), None
        case "FLAGS":
            return b"(%b)", ("flag_set",), "flags"
        case "INTERNALDATE":
            return b"%b", ("internal_at", "internal_tz"), internal_date
        case "RFC822.SIZE":
            return b"%d", ("size",), None
        case "ENVELOPE":
            return b"%b", ("envelope",), None
        case "BODYSTRUCTURE":
            return b"%b", ("structure",), None if kind.rev2 else without_global
        case "BODY":
            return b"%b", ("structure",), partial(body_from_structure, rev1=not kind.rev2)
        case "MODSEQ":
            return b"(%d)", ("modseq",), None
        case "EMAILID":
            return b"(%b)", ("email",), partial(_object_id, ids.Kind.EMAIL)
        case "THREADID":
            return b"(%b)", ("thread",), partial(_object_id, ids.Kind.THREAD)
        case "OBJECTID":
            return b"(%b)", ("email", "thread"), _object_ids
        case "SAVEDATE":
            return b"%b", ("saved_at",), _save_date
        case "PREVIEW":
            return b"%b", ("preview",), partial(_preview, kind)
    raise AssertionError(f"FETCH item {what} parses and has no spelling")


def _object_id(kind: ids.Kind, number: int) -> bytes:
    return ids.spell(kind, number).encode("ascii")


def _object_ids(email: int, thread: int) -> bytes:
    return b"EMAILID %b THREADID %b" % (
        _object_id(ids.Kind.EMAIL, email),
        _object_id(ids.Kind.THREAD, thread),
    )


def _save_date(at: int) -> bytes:
    return internal_date(at, 0)


def _preview(kind: Kind, preview: bytes) -> bytes:
    return string(preview, kind)


def render(plan: Plan, numbers: Sequence[int], columns: Sequence[Sequence[Any]], flags_of: FlagsOf) -> bytes:
    """The whole lines of a plan without `bodies`. `columns` are those of the plan, aligned with `numbers`."""
    if not numbers:
        return b""
    values = _values(plan, numbers, columns, flags_of)
    return (plan.template * len(numbers)) % tuple(chain.from_iterable(zip(*values)))


def line(plan: Plan, number: int, row: Sequence[Any], flags_of: FlagsOf) -> bytes:
    """The line of one message: `render`, or its one of `heads`."""
    values = [row[0] if plan.by_uid else number]
    for field in plan.fields:
        how = field.how
        if how is None:
            values.append(row[field.columns[0]])
        elif how == "flags":
            values.append(flags_of[row[field.columns[0]]])
        else:
            assert callable(how)
            values.append(how(*[row[at] for at in field.columns]))
    return plan.template % tuple(values)


def heads(
    plan: Plan, numbers: Sequence[int], columns: Sequence[Sequence[Any]], flags_of: FlagsOf
) -> list[bytes]:
    """The lines of a plan with `bodies`, each up to where those begin."""
    if not numbers:
        return []
    template = plan.template
    return [template % row for row in zip(*_values(plan, numbers, columns, flags_of))]


def message(plan: Plan, head: bytes, contents: Sequence[bytes | int | None]) -> bytes:
    """One whole line: `head` and what its bodies hold, aligned with `plan.bodies`."""
    if len(contents) == 1:
        return b"%b%b)\r\n" % (head, _body(plan.bodies[0], contents[0]))
    written = [_body(item, content) for item, content in zip(plan.bodies, contents)]
    return b"%b%b)\r\n" % (head, b" ".join(written))


def pieces(plan: Plan, head: bytes, contents: Sequence[Content]) -> Iterator[bytes]:
    """`message` for bodies too large to be held whole."""
    line = head
    for item, content in zip(plan.bodies, contents):
        if isinstance(content, Stream):
            # RFC 9051 9: msg-att-static allows literal8 for BINARY alone. Nobody has looked for NULs here.
            mark = b"~" if item.what == "BINARY" else b""
            yield b"%b%b %b{%d}\r\n" % (line, item.label, mark, content.size)
            for piece in content.pieces:
                yield piece if mark else _without_nul(piece)
            line = b" "
        else:
            line += _body(item, content) + b" "
    yield line[:-1] + b")\r\n"


def _values(
    plan: Plan, numbers: Sequence[int], columns: Sequence[Sequence[Any]], flags_of: FlagsOf
) -> list[Iterable[Any]]:
    values: list[Iterable[Any]] = [columns[0] if plan.by_uid else numbers]
    for field in plan.fields:
        how = field.how
        if how is None:
            values.append(columns[field.columns[0]])
        elif how == "flags":
            values.append(map(flags_of.__getitem__, columns[field.columns[0]]))
        else:
            assert callable(how)
            values.append(map(how, *[columns[at] for at in field.columns]))
    return values


def _body(item: Item, content: bytes | int | None) -> bytes:
    if content is None:
        return item.label + b" NIL"
    if isinstance(content, int):
        return b"%b %d" % (item.label, content)
    mark = b""
    if b"\0" in content:
        if item.what == "BINARY":
            mark = b"~"  # RFC 9051 4.3.1: what holds NUL is a literal8
        else:
            content = _without_nul(content)
    return b"%b %b{%d}\r\n%b" % (item.label, mark, len(content), content)


def literal(octets: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(octets), _without_nul(octets))


def _without_nul(octets: bytes) -> bytes:
    """RFC 9051 4.3.1: BODY[] cannot carry NUL. 0x80 takes its place, so that no offset moves."""
    return octets.replace(b"\0", b"\x80") if b"\0" in octets else octets
