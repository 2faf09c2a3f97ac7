"""FUZZY: keys about text that forgive typing errors, and how relevant what they find is (RFC 6203).

Every word that is looked for must be in a message, or one that is alike (`message.similar`). Where there is
an index, its vocabularies say which words there are and who has them, and no message is opened; what it does
not hold yet, and everything where there is none, is read. How relevant a message is depends on how alike its
words are, and on where they stand: in the subject, in addresses, in the body, or elsewhere in the header.

Keys that are not about text, and fields that have no list of their own, are exact as ever (RFC 6203 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice

from pillarbox.message.casemap import fold_text
from pillarbox.message.searchable import Documents, line, searchable_headers, searchable_parts
from pillarbox.message.similar import BEGINNING, EXACT, INSIDE, MOST_LETTERS, pieces, similarity
from pillarbox.model import masks, search
from pillarbox.model.masks import Mask
from pillarbox.store.blobs import Blob
from pillarbox.store.index.document import OWN, Field
from pillarbox.store.index.reader import Moved, Segment
from pillarbox.store.index.runs import Kind, Stand, encode
from pillarbox.store.index.runs import words as words_of
from pillarbox.store.index.texts import Damaged
from pillarbox.store.index.vocabulary import Slice, Vocabulary
from pillarbox.store.query.plan import Step
from pillarbox.store.query.question import Stored, TextKey
from pillarbox.store.query.texts import Texts
from pillarbox.store.turns import Turns

WORDS = 16  # of one key; more tell nothing more
NEAR = 1_000  # words of a vocabulary that are compared with one, for its beginning and for its end
REMEMBERED = 200_000  # pairs of words whose likeness is known, of one search
WITHIN = 500  # longer words, in which one is found whole

ON_LOOP = 16 * 1024  # octets; the words of a larger message are compared on a thread

# How much a word counts where it stands.
WEIGHTS = {
    Field.SUBJECT: 1.0,
    Field.FROM: 0.9,
    Field.TO: 0.7,
    Field.CC: 0.7,
    Field.BCC: 0.7,
    Field.BODY: 0.6,
    Field.HEADER: 0.4,
}
_STANDS = ((Stand.WHOLE, EXACT), (Stand.BEGINS, BEGINNING), (Stand.INSIDE, INSIDE))
# Where errors are forgiven. The rest of the header is full of names and numbers that are like many a word.
FORGIVING = frozenset(WEIGHTS) - {Field.HEADER}

Scores = dict[int, float]  # by email


async def matching(
    texts: Texts, turns: Turns, key: TextKey, candidates: Mask, scores: Scores
) -> tuple[Mask, Step]:
    """The candidates in which the words of `key` are, or words like them; `scores` of theirs grow."""
    wanted = sorted(words_of(encode(fold_text(key.needle))))[:WORDS]
    fields = _fields(key)
    if not wanted or not fields:
        found, step = await texts.matching(key, candidates)
        for email in await texts.mailbox.emails(found):
            scores[email] = scores.get(email, 0.0) + 1.0
        return found, step
    words = [word.decode("utf-8", "surrogatepass") for word in wanted]
    scored: Scores = {}
    by, read = "index", 0
    snapshot = await texts.current()
    try:
        if snapshot is not None:
            for segment in snapshot.segments:
                scored.update(await _in_segment(turns, segment, words, fields))
            left = await texts.unindexed(snapshot)
            if left:
                left &= await texts.mailbox.emails(candidates & await texts.mailbox.places(left))
    except (Moved, Damaged):
        snapshot = None
    if snapshot is None:
        by, scored = "messages", {}
        left = await texts.mailbox.emails(candidates)
    judge = partial(_of_message, words, fields, {})
    async for email, score in texts.judged(judge, left, ON_LOOP):
        read += 1
        if score:
            scored[email] = score
    found = candidates & await texts.mailbox.places(scored.keys())
    for email, score in scored.items():
        scores[email] = scores.get(email, 0.0) + score
    count = masks.size(candidates)
    return found, Step(search.Fuzzy(key), by, count, masks.size(found), len(scored), 0, read)


def _fields(key: TextKey) -> tuple[Field, ...]:
    match key:
        case search.Header(name=name):
            return (OWN[name],) if name in OWN else ()
        case search.Body():
            return (Field.BODY,)
    return tuple(WEIGHTS)


async def _in_segment(turns: Turns, segment: Segment, words: list[str], fields: Iterable[Field]) -> Scores:
    found: list[dict[int, float]] = []
    for word in words:
        best: dict[int, float] = {}
        for field in fields:
            vocabulary = segment.vocabulary(field, Kind.WORD)
            if vocabulary is None:
                continue
            weight = WEIGHTS[field]
            for run, piece in await _near(turns, vocabulary, word) if field in FORGIVING else ():
                alike = similarity(word, run.decode("utf-8", "surrogatepass"))
                if alike:
                    _raise(best, segment.postings(field, Kind.WORD, piece), alike * weight)
                await turns.take()
            for stand, alike in _STANDS:
                for piece in islice(vocabulary.find(encode(word), stand), WITHIN):
                    _raise(best, segment.postings(field, Kind.WORD, piece), alike * weight)
                    await turns.take()
        found.append(best)
        if not best:
            return {}
    shared = set.intersection(*[set(best) for best in found])
    ids = segment.emails
    return {ids[number]: sum(best[number] for best in found) / len(found) for number in shared}


async def _near(turns: Turns, vocabulary: Vocabulary, word: str) -> list[tuple[bytes, Slice]]:
    """The words that may be alike."""
    begin, end = map(encode, pieces(word))
    beginning = vocabulary.near([begin], [], NEAR)
    await turns.take()
    ending = vocabulary.near([], [end], NEAR)
    await turns.take()
    return beginning + ending


def _raise(best: dict[int, float], numbers: Iterable[int], score: float) -> None:
    for number in numbers:
        if best.get(number, 0.0) < score:
            best[number] = score


def _of_message(
    words: list[str],
    fields: tuple[Field, ...],
    memory: dict[tuple[str, str], float],
    documents: Documents | None,
    blob: Blob,
    stored: Stored,
) -> float:
    """What `_in_segment` says, of a message itself."""
    if len(memory) > REMEMBERED:
        memory.clear()
    best = dict.fromkeys(words, 0.0)
    for field, text in _texts(fields, documents, blob, stored.header_size):
        for run in words_of(encode(text)):
            other = run.decode("utf-8", "surrogatepass")
            for word in words:
                alike = memory.get((word, other))
                if alike is None:
                    alike = similarity(word, other)
                    if len(other) <= MOST_LETTERS:
                        memory[word, other] = alike
                if field not in FORGIVING and alike < INSIDE:
                    continue
                if alike * WEIGHTS[field] > best[word]:
                    best[word] = alike * WEIGHTS[field]
    return sum(best.values()) / len(best) if all(best.values()) else 0.0


def _texts(
    fields: tuple[Field, ...], documents: Documents | None, blob: Blob, header_size: int
) -> Iterator[tuple[Field, str]]:
    if fields != (Field.BODY,):
        for name, text in searchable_headers(blob.read(0, header_size)):
            if name in OWN and OWN[name] in fields:
                yield OWN[name], text
            if Field.HEADER in fields:
                yield Field.HEADER, line(name, text)  # all of them, with their names
    if Field.BODY in fields:
        for text in searchable_parts(blob.read(0, blob.size), documents):
            yield Field.BODY, text


async def relevancy(texts: Texts, found: Mask, scores: Scores) -> list[int]:
    """RFC 6203 4: for each message found, in mailbox order, a number from 1 to 100, where 100 is for the most
    relevant."""
    values = [scores.get(email, 0.0) for email in await texts.mailbox.each(found)] if found else []
    top = max(values, default=0.0)
    return [max(round(100 * value / top), 1) if top else 1 for value in values]
