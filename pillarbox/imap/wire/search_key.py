"""search-key (RFC 9051 6.4.4, 9; RFC 3501 6.4.4) -> the tree of `model.search`.

Rules of the place:
* no recursion: a client may nest and chain as it likes within its line, and only the tree that comes out
  is held against `SEARCH_DEPTH`, because everything behind us does recurse over it;
* OR of OR is one `Or`, a list in a list is one `And`, NOT NOT is nothing, INTHREAD INTHREAD is one: clients
  chain a thousand ORs (there is no other way to say it), and the tree stays flat;
* needles are decoded with the charset of the command, once, here.
"""

from collections.abc import Callable

from pillarbox.imap.wire.limits import SEARCH_DEPTH, SEARCH_KEYS
from pillarbox.imap.wire.reader import Reader
from pillarbox.message.references import message_id
from pillarbox.model import flags, ids, search
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.search import Key, Not
from pillarbox.model.threading import Algorithm

Leaf = Callable[[Reader, str], Key]  # reads what follows the key's name; the str is the charset's codec

_AND, _OR, _NOT, _FUZZY, _INTHREAD = "and", "or", "not", "fuzzy", "inthread"


class _Open:
    """An operator whose operands are still coming. An `_OR` closes when it has `wanted`, a `_NOT`, a `_FUZZY`
    or an `_INTHREAD`, which goes by `algorithm`, at one, an `_AND` at its parenthesis. `depth` is that of its
    deepest operand so far."""

    __slots__ = ("algorithm", "depth", "keys", "kind", "wanted")

    def __init__(self, kind: str, wanted: int = 0, algorithm: Algorithm = Algorithm.REFS) -> None:
        self.kind = kind
        self.keys: list[Key] = []
        self.wanted = wanted
        self.algorithm = algorithm
        self.depth = 0


def threading_algorithm(word: str) -> Algorithm:
    try:
        return Algorithm(word)
    except ValueError:
        known = ", ".join(one.value for one in Algorithm)
        raise PeerSyntax(f"The threading algorithms are {known}") from None


def parse_program(reader: Reader, codec: str, threading: Algorithm = Algorithm.REFS) -> Key:
    """search-key *(SP search-key), to the end of the command. `threading`: what keys about threads go by
    that do not say it themselves."""
    opened = [_Open(_AND)]
    tokens = 0
    while True:
        tokens += 1
        if tokens > SEARCH_KEYS:
            raise PeerSyntax(f"SEARCH has more than {SEARCH_KEYS} keys")
        key = _token(reader, codec, threading, opened)
        if key is None:
            continue
        _give(opened, key, 1)
        while opened[-1].kind == _AND and len(opened) > 1 and reader.maybe(b")"):
            _close(opened)
        if len(opened) == 1 and reader.at_end():
            return _and(opened[0].keys)
        reader.space()


def _token(reader: Reader, codec: str, threading: Algorithm, opened: list[_Open]) -> Key | None:
    """The next leaf; None when an operator was opened instead."""
    if reader.maybe(b"("):
        opened.append(_Open(_AND))
        return None
    head = reader.peek()
    if head.isdigit() or head in (b"*", b"$"):
        numbers = reader.numbers()
        return numbers if isinstance(numbers, search.Saved) else search.Sequence(numbers)
    name = reader.word("A search key")
    if name == "OR":
        reader.space()
        if opened[-1].kind == _OR:
            opened[-1].wanted += 1
        else:
            opened.append(_Open(_OR, 2))
        return None
    if name == "NOT":
        reader.space()
        if opened[-1].kind == _NOT:
            opened.pop()  # NOT NOT
        else:
            opened.append(_Open(_NOT, 1))
        return None
    if name == "FUZZY":
        reader.space()
        opened.append(_Open(_FUZZY, 1))  # RFC 6203 7
        return None
    if name == "INTHREAD":
        reader.space()
        algorithm = _maybe_algorithm(reader) or threading
        # INTHREAD INTHREAD: what shares a thread with such a message shares one with the message itself.
        if opened[-1].kind != _INTHREAD or opened[-1].algorithm is not algorithm:
            opened.append(_Open(_INTHREAD, 1, algorithm))
        return None
    if name == "THREADROOT":
        return search.ThreadRoot(threading)
    if name == "THREADLEAF":
        return search.ThreadLeaf(threading)
    leaf = _LEAVES.get(name)
    if not leaf:
        raise PeerSyntax(f"There is no search key {name[:40]}")
    return leaf(reader, codec)


def _maybe_algorithm(reader: Reader) -> Algorithm | None:
    """[thread-alg SP]. draft-ietf-morg-inthread 3.1 has none, only the key; Dovecot and the clients that were
    written for it always name one. No search key is called like an algorithm, so both are understood."""
    for algorithm in Algorithm:
        if reader.maybe_token(f"{algorithm.value} ".encode("ascii")):
            return algorithm
    return None


def _give(opened: list[_Open], key: Key, depth: int) -> None:
    """An operand is complete; so may be the operators that waited for it."""
    while True:
        top = opened[-1]
        if top.kind == _AND and isinstance(key, search.And):
            top.keys.extend(key.keys)
            depth -= 1
        elif top.kind == _OR and isinstance(key, search.Or):
            top.keys.extend(key.keys)
            top.wanted += len(key.keys) - 1
            depth -= 1
        else:
            top.keys.append(key)
        top.depth = max(top.depth, depth)
        if top.kind == _AND or len(top.keys) < top.wanted:
            return
        opened.pop()
        if top.kind == _OR:
            key = search.Or(tuple(top.keys))
        elif top.kind == _NOT:
            key = Not(top.keys[0])
        elif top.kind == _INTHREAD:
            inner = top.keys[0]
            if isinstance(inner, search.InThread) and inner.algorithm is top.algorithm:
                key, depth = inner, top.depth
                continue
            key = search.InThread(inner, top.algorithm)
        elif isinstance(top.keys[0], search.Fuzzy):
            key = top.keys[0]  # FUZZY FUZZY is no fuzzier
            depth = top.depth
            continue
        else:
            key = search.Fuzzy(top.keys[0])
        depth = _deeper(top.depth)


def _close(opened: list[_Open]) -> None:
    """A parenthesis closed."""
    done = opened.pop()
    if len(done.keys) == 1:
        _give(opened, done.keys[0], done.depth)
    elif opened[-1].kind == _AND:
        top = opened[-1]
        top.keys += done.keys
        top.depth = max(top.depth, done.depth)
    else:
        _give(opened, _and(done.keys), _deeper(done.depth))


def _and(keys: list[Key]) -> Key:
    return keys[0] if len(keys) == 1 else search.And(tuple(keys))


def _deeper(depth: int) -> int:
    if depth >= SEARCH_DEPTH:
        raise PeerSyntax(f"SEARCH keys are nested more than {SEARCH_DEPTH} deep")
    return depth + 1


def _flag(flag: str, *, without: bool = False) -> Leaf:
    key: Key = search.Flag(flag)
    if without:
        key = Not(key)
    return lambda reader, codec: key


def _keyword(reader: Reader, codec: str) -> Key:
    """flag-keyword = atom"""
    reader.space()
    return search.Flag(reader.atom("A keyword"))


def _needle(reader: Reader, codec: str) -> str:
    reader.space()
    raw = reader.astring("A string to search for")
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        raise PeerSyntax("A string to search for is not valid in the charset of the command") from None


def _address_field(name: str) -> Leaf:
    return lambda reader, codec: search.Header(name, _needle(reader, codec))


def _header(reader: Reader, codec: str) -> Key:
    reader.space()
    name = reader.text(reader.astring("A header field name"), "A header field name").lower()
    return search.Header(name, _needle(reader, codec))


def _day(of: str, when: str) -> Leaf:
    def leaf(reader: Reader, codec: str) -> Key:
        reader.space()
        return search.Day(of, when, reader.date())

    return leaf


def _size(*, larger: bool) -> Leaf:
    def leaf(reader: Reader, codec: str) -> Key:
        reader.space()
        return search.Size(reader.number64("A size"), larger)

    return leaf


def _within(*, older: bool) -> Leaf:
    """( "OLDER" / "YOUNGER" ) SP nz-number   (RFC 5032 3)"""

    def leaf(reader: Reader, codec: str) -> Key:
        reader.space()
        return search.Within(reader.nz_number("A number of seconds"), older)

    return leaf


def _uid(reader: Reader, codec: str) -> Key:
    reader.space()
    numbers = reader.numbers()
    return numbers if isinstance(numbers, search.Saved) else search.Uid(numbers)


def _modseq(reader: Reader, codec: str) -> Key:
    """ "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer   (RFC 7162 7). All flags of a
    message share one mod-sequence here, so the entry makes no difference (RFC 7162 3.1.5)."""
    reader.space()
    if reader.peek() == b'"':
        reader.string("An entry name")
        reader.space()
        if reader.word("An entry type") not in ("PRIV", "SHARED", "ALL"):
            reader.fail('"priv", "shared" or "all"')
        reader.space()
    return search.Modseq(reader.number64("A mod-sequence"))


def _message_id(reader: Reader, codec: str) -> Key:
    """draft-ietf-morg-inthread 3.4. Where it has no brackets they are meant."""
    reader.space()
    raw = reader.astring("A Message-ID")
    normal = message_id(raw if b"<" in raw else b"<%b>" % raw)
    return search.MessageId(normal) if normal else Not(search.All())


def _object_id(kind: ids.Kind, make: Callable[[int], Key]) -> Leaf:
    def leaf(reader: Reader, codec: str) -> Key:
        reader.space()
        # RFC 8474 4.5: an id that is none of ours matches nothing, it is no error.
        number = ids.read(kind, reader.atom("An object id"))
        return Not(search.All()) if number is None else make(number)

    return leaf


_LEAVES: dict[str, Leaf] = {
    "ALL": lambda reader, codec: search.All(),
    "ANSWERED": _flag(flags.ANSWERED),
    "DELETED": _flag(flags.DELETED),
    "DRAFT": _flag(flags.DRAFT),
    "FLAGGED": _flag(flags.FLAGGED),
    "SEEN": _flag(flags.SEEN),
    "UNANSWERED": _flag(flags.ANSWERED, without=True),
    "UNDELETED": _flag(flags.DELETED, without=True),
    "UNDRAFT": _flag(flags.DRAFT, without=True),
    "UNFLAGGED": _flag(flags.FLAGGED, without=True),
    "UNSEEN": _flag(flags.SEEN, without=True),
    # RFC 3501 6.4.4; gone in RFC 9051 together with \Recent.
    "RECENT": _flag(flags.RECENT),
    "OLD": _flag(flags.RECENT, without=True),
    "NEW": lambda reader, codec: search.And((search.Flag(flags.RECENT), Not(search.Flag(flags.SEEN)))),
    "KEYWORD": _keyword,
    "UNKEYWORD": lambda reader, codec: Not(_keyword(reader, codec)),
    "BCC": _address_field("bcc"),
    "CC": _address_field("cc"),
    "FROM": _address_field("from"),
    "SUBJECT": _address_field("subject"),
    "TO": _address_field("to"),
    "HEADER": _header,
    "BODY": lambda reader, codec: search.Body(_needle(reader, codec)),
    "TEXT": lambda reader, codec: search.Text(_needle(reader, codec)),
    "BEFORE": _day("internal", "before"),
    "ON": _day("internal", "on"),
    "SINCE": _day("internal", "since"),
    "SENTBEFORE": _day("sent", "before"),
    "SENTON": _day("sent", "on"),
    "SENTSINCE": _day("sent", "since"),
    # RFC 8514 4.3
    "SAVEDBEFORE": _day("saved", "before"),
    "SAVEDON": _day("saved", "on"),
    "SAVEDSINCE": _day("saved", "since"),
    "SAVEDATESUPPORTED": lambda reader, codec: search.All(),
    "OLDER": _within(older=True),
    "YOUNGER": _within(older=False),
    "LARGER": _size(larger=True),
    "SMALLER": _size(larger=False),
    "UID": _uid,
    "MESSAGEID": _message_id,
    "MODSEQ": _modseq,
    "EMAILID": _object_id(ids.Kind.EMAIL, search.EmailId),
    "THREADID": _object_id(ids.Kind.THREAD, search.ThreadId),
}
