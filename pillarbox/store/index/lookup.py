"""A needle in the vocabularies of one segment: which messages have it, and which of the others may.

Generators, which yield every now and then, so that the caller can let others have their turn; what they
return in the end is an `Answer`. What a segment reads to be looked into is the caller's (`Listed`).

A needle of one run is decided here, but for what follows; of several runs only candidates are found, and
the most telling runs are enough for that. Where a run is in so many others that going on costs more than
looking into the messages that are left, those are candidates as well.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress, islice, product, repeat
from operator import contains
from typing import NamedTuple, Protocol, TypeVar

from pillarbox.store.index import marks, pairs
from pillarbox.store.index.document import LINED, ODD, OWN, TOO_LONG, Field, plain, start_of
from pillarbox.store.index.marks import Marks
from pillarbox.store.index.runs import LONG, Kind, Run, Stand, encode, needed_grams, runs_of
from pillarbox.store.index.segment import GRAMS
from pillarbox.store.index.vocabulary import Slice, Vocabulary

T = TypeVar("T")
Steps = Generator[None, None, T]

TURN = 8192  # postings marked, more or less, between two yields
EACH = 256  # what looking up a run costs, in postings
DEAR = 8  # looking into a message costs as much as looking up so many runs
NEW = 16  # messages found in a turn that make up for it
MOST_RUNS = 6  # of a needle that are looked up; the longest tell most
MOST_WORDS = 2048  # runs that one run of several may be in and still be looked up
MANY = 128  # of so many messages one is a candidate: more are worth a look at pairs of words
FEW = 48  # candidates that are not worth another lookup
LITTLE = 64  # of so many messages one is looked into sooner than many more lines, each of which is a read
MOST_GRAMS = 32  # of one run
DENSE = 500  # lines of a needle from which on looking at every line costs less than finding each

_LISTED_WHOLE = frozenset(OWN.values())

_SPACE = b"\xa0"  # as it is listed: between all words, so it tells nothing


class Listed(Protocol):
    """One segment."""

    @property
    def messages(self) -> int: ...

    def vocabulary(self, field: Field, kind: Kind) -> Vocabulary | None: ...

    def postings(self, field: Field, kind: Kind, piece: Slice) -> Sequence[int]: ...


@dataclass(slots=True)
class Answer:
    """Messages of the segment: `sure` ones, others that have to be looked into, and others of which the
    message itself must be asked."""

    sure: Marks
    maybe: Marks
    unknown: Sequence[int] = ()


def in_fields(segment: Listed, fields: Sequence[Field], needle: str) -> Steps[Answer]:
    """In one of the fields; the needle is folded and not empty."""
    octets = encode(needle)
    runs = runs_of(octets)
    answer = _nothing(segment)
    for one in fields:
        found = yield from _in_field(segment, one, runs)
        # The lines are longer than the runs: of a rare needle the few candidates are looked into sooner.
        if len(runs) > 1 and one in _LISTED_WHOLE and found.maybe.count(1) > FEW:
            found = yield from _in_lines(segment, one, b"", octets)
        answer.sure = marks.either(answer.sure, found.sure)
        answer.maybe = marks.either(answer.maybe, found.maybe)
    answer.maybe = marks.without(answer.maybe, answer.sure)
    return answer


def in_named(segment: Listed, name: str, needle: str) -> Steps[Answer]:
    """In a header field of this lower-case name; with the empty needle, in any that there is."""
    answer = _nothing(segment)
    if not plain(name):
        answer.unknown = _named(segment, ODD)
        return answer
    named = marks.of(_named(segment, encode(name)), segment.messages)
    if not needle:
        answer.sure = named
        return answer
    if name in LINED:
        return (yield from _in_lines(segment, Field.HEADER, start_of(name), encode(needle)))
    found = yield from _in_field(segment, Field.HEADER, runs_of(encode(needle)))
    answer.maybe = marks.both(marks.either(found.sure, found.maybe), named)
    return answer


def _nothing(segment: Listed) -> Answer:
    return Answer(marks.none(segment.messages), marks.none(segment.messages))


def _named(segment: Listed, name: bytes) -> Sequence[int]:
    listed = segment.vocabulary(Field.NAMES, Kind.WORD)
    if listed is None:
        return ()
    found = list(listed.find(name, Stand.WHOLE))
    return segment.postings(Field.NAMES, Kind.WORD, found[0]) if found else ()


def _in_field(segment: Listed, field: Field, runs: Sequence[Run]) -> Steps[Answer]:
    if len(runs) == 1:
        return (yield from _inside(segment, field, runs[0]))
    candidates: Marks | None = None
    # At one border many lines meet: it is well to know when all messages are found that can be.
    most = 1 if len(runs) == 2 and field is Field.BODY else 0.5
    for run in sorted(runs, key=_telling, reverse=True)[:MOST_RUNS]:
        if candidates is not None and candidates.count(1) <= FEW:
            break
        if run.kind is Kind.BORDER and (
            run.octets == _SPACE or (field is Field.BODY and _between(run)[0].sure)
        ):
            continue
        found = yield from _candidates(segment, field, run, most)
        if found is not None:
            candidates = found if candidates is None else marks.both(candidates, found)
    answer = _nothing(segment)
    answer.maybe = marks.every(segment.messages) if candidates is None else candidates
    if field is Field.BODY and answer.maybe.count(1) * MANY > segment.messages:
        yield from _by_pairs(segment, runs, answer)
    return answer


def _by_pairs(segment: Listed, runs: Sequence[Run], answer: Answer) -> Steps[None]:
    """Narrow an answer by what is listed of two words side by side, and of both sides of one."""
    paired = _paired(segment)
    borders = [place for place, run in enumerate(runs) if run.kind is Kind.BORDER]
    # The longer words are, the fewer messages have them side by side.
    borders.sort(key=lambda place: -sum(len(run.octets) for run in runs[max(0, place - 1) : place + 2]))
    if len(borders) == 2 and len(runs) == 3:
        yield from _by_rings(segment, runs, paired, answer)
        if answer.maybe.count(1) * LITTLE <= segment.messages:
            return
    for place in borders:
        if not answer.maybe.count(1) * MANY > segment.messages:
            break
        first = runs[place - 1] if place else None
        second = runs[place + 1] if place + 1 < len(runs) else None
        found = yield from _across(segment, first, runs[place], second, paired, answer.maybe)
        answer.maybe = marks.both(answer.maybe, marks.either(found.sure, found.maybe))
        if len(borders) == 1:
            answer.sure = found.sure
    answer.maybe = marks.without(answer.maybe, answer.sure)


def _paired(segment: Listed) -> dict[bytes, Sequence[int]]:
    """Where each word that is listed whole in pairs is."""
    named = segment.vocabulary(Field.BODY, Kind.PAIRED)
    if named is None:
        return {}
    words = list(named.slices())
    last = words[-1][1]
    ends = segment.postings(Field.BODY, Kind.PAIRED, Slice(0, last.start + last.size))
    return {word: ends[start : start + size] for word, (start, size) in words}


class _Form(NamedTuple):
    """What a line that is sought has of one of its parts; `closed`: and nothing further out. `sure`: nothing
    of what the needle has there is missing."""

    octets: bytes
    closed: bool = False
    sure: bool = True


def _across(
    segment: Listed,
    first: Run | None,
    border: Run,
    second: Run | None,
    paired: Mapping[bytes, Sequence[int]],
    wanted: Marks,
) -> Steps[Answer]:
    """Two words, or what the needle has of them, with this between. Of messages that are not `wanted`
    anything may be said."""
    answer = _nothing(segment)
    by_first, by_border, by_second = (marks.none(segment.messages) for _ in range(3))
    forms = _forms(first, border, second)
    for one, between, other in forms:
        if one.sure and between.sure and other.sure:
            octets, stand = one.octets + between.octets + other.octets, _STANDS[one.closed, other.closed]
            yield from _mark_wanted(segment, octets, stand, answer.sure, wanted)
    rest = marks.without(wanted, answer.sure)
    if rest.count(1) * LITTLE <= segment.messages:
        answer.maybe = rest
        return answer
    for one, between, other in forms:
        if one.sure and between.sure and other.sure:
            continue
        found = by_first if not one.sure else by_second if not other.sure else by_border
        octets, stand = one.octets + between.octets + other.octets, _STANDS[one.closed, other.closed]
        yield from _mark_all(segment, Field.BODY, Kind.PAIR, octets, stand, found)
        yield
    if first is not None:
        by_first = yield from _not_paired(segment, first, paired, by_first)
    if second is not None:
        by_second = yield from _not_paired(segment, second, paired, by_second)
    if by_border.count(1) > FEW:
        by_border = yield from _by_others(segment, border, by_border)
    answer.maybe = marks.both(rest, marks.either(by_first, marks.either(by_second, by_border)))
    return answer


def _mark_wanted(segment: Listed, octets: bytes, stand: Stand, found: Marks, wanted: Marks) -> Steps[None]:
    """As `_mark_all` in the pairs, until only a `LITTLE` of what is wanted is left."""
    listed = segment.vocabulary(Field.BODY, Kind.PAIR)
    work = 0
    for piece in listed.find(octets, stand) if listed is not None else ():
        marks.add(found, segment.postings(Field.BODY, Kind.PAIR, piece))
        work += piece.size + EACH
        if work >= TURN:
            work = 0
            if marks.without(wanted, found).count(1) * LITTLE <= segment.messages:
                break
            yield
    yield


def _by_others(segment: Listed, border: Run, found: Marks) -> Steps[Marks]:
    """Those of `found` that have a separator in which this one stands as it should, and which is not listed
    as it is in pairs; all of them where that is not soon told."""
    listed = segment.vocabulary(Field.BODY, Kind.BORDER)
    others = marks.none(segment.messages)
    work = 0
    if listed is not None and len(border.octets) <= LONG:
        runs = list(islice(listed.find_named(border.octets, border.stand), MOST_WORDS + 1))
        if len(runs) > MOST_WORDS:
            return found
        for run, piece in runs:
            if pairs.separator(run) in pairs.SEPARATORS:
                continue
            marks.add(others, segment.postings(Field.BODY, Kind.BORDER, piece))
            work += piece.size + EACH
            if work >= TURN:
                work = 0
                yield
    yield from _in_long(segment, Field.BODY, border, others)
    return marks.both(found, others)


_STANDS = {
    (False, False): Stand.INSIDE,
    (False, True): Stand.ENDS,
    (True, True): Stand.WHOLE,
    (True, False): Stand.BEGINS,
}


def _forms(first: Run | None, border: Run, second: Run | None) -> set[tuple[_Form, _Form, _Form]]:
    """All that lines may have of these, as `pairs` has them."""
    by_two, by_one = (
        (_cut(first, pairs.first_of, letters), _cut(second, pairs.second_of, letters))
        for letters in pairs.LETTERS
    )
    out: set[tuple[_Form, _Form, _Form]] = set()
    for between in _between(border):
        ways = []
        if pairs.SPACE.endswith(between.octets) or pairs.SPACE.startswith(between.octets):
            ways.append(by_two)
        if between.octets != pairs.SPACE or border.stand is not Stand.WHOLE:
            ways.append(by_one)
        for cut in ways:
            out.update(
                (one, between, other)
                for one, other in product((_whole(first), cut[0]), (_whole(second), cut[1]))
            )
    return out


def _whole(run: Run | None) -> _Form:
    return _Form(b"") if run is None else _Form(run.octets, run.stand is Stand.WHOLE)


def _cut(run: Run | None, cut: Callable[[bytes, int], bytes], letters: int) -> _Form:
    if run is None or (run.stand is not Stand.WHOLE and len(run.octets) <= letters and run.octets.isascii()):
        return _whole(run)  # nothing of it is cut off
    return _Form(cut(run.octets, letters), closed=True, sure=False)


def _between(border: Run) -> list[_Form]:
    octets = pairs.separator(border.octets)
    match border.stand:
        case Stand.WHOLE:
            listed = octets in pairs.SEPARATORS
        case Stand.BEGINS:
            listed = any(separator.startswith(octets) for separator in pairs.SEPARATORS)
        case _:
            listed = any(separator.endswith(octets) for separator in pairs.SEPARATORS)
    out = [_Form(octets)] if listed else []
    if not listed or border.stand is not Stand.WHOLE:
        out.append(_Form(pairs.OTHER, sure=False))
    return out


def _by_rings(
    segment: Listed, runs: Sequence[Run], paired: Mapping[bytes, Sequence[int]], answer: Answer
) -> Steps[None]:
    """Narrow an answer for a word with something on both sides, where it is one that is listed with these."""
    left, word, right = runs
    listed = _in_stretches(segment, paired.get(word.octets, ()))
    if 1 not in listed:
        return
    sure, others = marks.none(segment.messages), marks.none(segment.messages)
    for before, after in product(_between(left), _between(right)):
        octets = before.octets + word.octets + after.octets
        found = sure if before.sure and after.sure else others
        yield from _mark_all(segment, Field.BODY, Kind.PAIR, octets, Stand.INSIDE, found)
        if before.sure and before.octets == after.octets == pairs.SPACE:
            usual, never = marks.none(segment.messages), marks.none(segment.messages)
            octets = pairs.RING + word.octets + pairs.RING
            yield from _mark_all(segment, Field.BODY, Kind.WORD, word.octets, Stand.WHOLE, usual)
            yield from _mark_all(segment, Field.BODY, Kind.PAIR, octets, Stand.WHOLE, never)
            marks.add_all(sure, marks.without(marks.both(usual, listed), never))
    answer.sure = marks.both(answer.maybe, sure)
    others = marks.both(answer.maybe, marks.either(others, marks.without(answer.maybe, listed)))
    answer.maybe = marks.without(others, sure)


def _not_paired(
    segment: Listed, run: Run, paired: Mapping[bytes, Sequence[int]], found: Marks
) -> Steps[Marks]:
    """Those of `found` that have a word in which this run stands as it should, and which is not listed
    whole in pairs; all of them where that is not soon told."""
    if found.count(1) <= FEW:
        return found
    unpaired = yield from _unpaired(segment, Field.BODY, run, paired)
    return found if unpaired is None else marks.both(found, unpaired)


def _in_stretches(segment: Listed, ends: Sequence[int]) -> Marks:
    inside = marks.none(segment.messages)
    for start, stop in zip(ends[::2], ends[1::2]):
        inside[start:stop] = b"\x01" * (stop - start)
    return inside


def _unpaired(
    segment: Listed, field: Field, run: Run, paired: Mapping[bytes, Sequence[int]]
) -> Steps[Marks | None]:
    """The messages that have a word in which this one stands as it should, and it is not listed whole in
    pairs; None when they are too many."""
    found = marks.none(segment.messages)
    listed = segment.vocabulary(field, Kind.WORD)
    work = 0
    if listed is not None and len(run.octets) <= LONG:
        words = list(islice(listed.find_named(run.octets, run.stand), MOST_WORDS + 1))
        if len(words) > MOST_WORDS:
            return None
        for word, piece in words:
            ends = paired.get(word, ())
            if len(ends) == 2 and ends[1] - ends[0] == segment.messages:
                continue
            postings = segment.postings(field, Kind.WORD, piece)
            if ends:
                inside = _in_stretches(segment, ends)
                postings = [posting for posting in postings if not inside[posting]]
            marks.add(found, postings)
            work += piece.size + EACH
            if work >= TURN:
                work = 0
                yield
    if run.stand is not Stand.WHOLE or len(run.octets) > LONG:
        yield from _in_long(segment, field, run, found)
    return found


def _in_lines(segment: Listed, field: Field, start: bytes, needle: bytes) -> Steps[Answer]:
    """In a line that is listed whole; with `start`, in one that begins so, after that. This decides, but for
    messages with a line that is too long."""
    answer = _nothing(segment)
    listed = segment.vocabulary(field, Kind.LINE)
    if listed is None:
        return answer
    sure = answer.sure
    if not start and listed.count(needle, Stand.INSIDE) > DENSE:
        for lines, piece in listed.sizes():
            hits: Iterable[bool] = map(contains, lines, repeat(needle))
            each = piece.size // len(lines)
            if each > 1:
                hits = chain.from_iterable(map(repeat, hits, repeat(each)))
            marks.add(sure, compress(segment.postings(field, Kind.LINE, piece), hits))
            yield
    else:
        found = listed.find_after(start, needle) if start else listed.find(needle, Stand.INSIDE)
        work = 0
        for piece in found:
            marks.add(sure, segment.postings(field, Kind.LINE, piece))
            work += piece.size + EACH
            if work >= TURN:
                work = 0
                yield
    for piece in listed.find(TOO_LONG, Stand.WHOLE):
        marks.add(answer.maybe, segment.postings(field, Kind.LINE, piece))
    answer.maybe = marks.without(answer.maybe, sure)
    yield
    return answer


def _telling(run: Run) -> int:
    """A guess: how much this run narrows."""
    return len(run.octets) * (1 if run.kind is Kind.BORDER else 3) + (4 if run.stand is Stand.WHOLE else 0)


def _inside(segment: Listed, field: Field, run: Run) -> Steps[Answer]:
    """The needle is this run."""
    answer = _nothing(segment)
    if len(run.octets) <= LONG and not (yield from _sure(segment, field, run.kind, run.octets, answer)):
        return answer
    grams = GRAMS[run.kind]
    if segment.vocabulary(field, grams) is not None:
        needed = needed_grams(run.octets, run.kind)
        if needed:
            found = yield from _with_all(segment, field, grams, needed)
            answer.maybe = marks.without(found, answer.sure)
        else:
            yield from _sure(segment, field, grams, run.octets, answer)
    return answer


def _sure(segment: Listed, field: Field, kind: Kind, octets: bytes, answer: Answer) -> Steps[bool]:
    """Add the messages that have it in a run that is listed, and say whether that were all such runs: where
    they are many the others come in so few more messages that looking into those costs less."""
    listed = segment.vocabulary(field, kind)
    if listed is None:
        return True
    sure = answer.sure
    uncovered = sure.count(0)
    work = 0
    in_all = -1
    for number, piece in enumerate(listed.find(octets, Stand.INSIDE), start=1):
        for posting in segment.postings(field, kind, piece):
            sure[posting] = 1
        work += piece.size + EACH
        if work >= TURN:
            work = 0
            before, uncovered = uncovered, sure.count(0)
            if not uncovered:
                return False
            if in_all < 0:
                in_all = listed.count(octets, Stand.INSIDE)
            if before - uncovered < NEW and uncovered * DEAR < in_all - number:
                answer.maybe = marks.without(marks.every(segment.messages), sure)
                return False
            yield
    yield
    return True


def _candidates(segment: Listed, field: Field, run: Run, most: float) -> Steps[Marks | None]:
    """The messages that have a run in which this one stands as it should; None when they are too many, or in
    the first run more than this part of all."""
    found = marks.none(segment.messages)
    listed = segment.vocabulary(field, run.kind)
    if listed is not None and len(run.octets) <= LONG:
        work = 0
        for number, piece in enumerate(listed.find(run.octets, run.stand), start=1):
            if number > MOST_WORDS or (number == 1 and piece.size > most * segment.messages):
                return None
            for posting in segment.postings(field, run.kind, piece):
                found[posting] = 1
            work += piece.size + EACH
            if work >= TURN:
                work = 0
                yield
    yield from _in_long(segment, field, run, found)
    yield
    return found


def _in_long(segment: Listed, field: Field, run: Run, found: Marks) -> Steps[None]:
    """Add the messages that have it in a run that is not listed whole, or may have."""
    grams = GRAMS[run.kind]
    if segment.vocabulary(field, grams) is not None:
        needed = needed_grams(run.octets, run.kind)
        if needed:
            marks.add_all(found, (yield from _with_all(segment, field, grams, needed)))
        else:
            yield from _mark_all(segment, field, grams, run.octets, Stand.INSIDE, found)


def _mark_all(
    segment: Listed, field: Field, kind: Kind, octets: bytes, stand: Stand, found: Marks
) -> Steps[None]:
    listed = segment.vocabulary(field, kind)
    if listed is not None:
        work = 0
        for piece in listed.find(octets, stand):
            marks.add(found, segment.postings(field, kind, piece))
            work += piece.size + EACH
            if work >= TURN:
                work = 0
                yield


def _with_all(segment: Listed, field: Field, kind: Kind, needed: set[bytes]) -> Steps[Marks]:
    """The messages that have each of these grams, or of many some."""
    listed = segment.vocabulary(field, kind)
    candidates: set[int] | None = None
    for gram in sorted(needed)[:MOST_GRAMS]:
        found = list(listed.find(gram, Stand.WHOLE)) if listed is not None else []
        yield
        if not found:
            return marks.none(segment.messages)
        postings: Iterable[int] = segment.postings(field, kind, found[0])
        candidates = set(postings) if candidates is None else candidates.intersection(postings)
        if not candidates:
            break
    return marks.of(candidates or (), segment.messages)
