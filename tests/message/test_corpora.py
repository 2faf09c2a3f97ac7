"""Every message of the corpora, real and broken, has a meaning."""

import time

import pytest

from pillarbox.message.derive import derive
from pillarbox.message.parts import Part, find, unpack
from pillarbox.message.searchable import searchable
from pillarbox.message.structure import body_from_structure, without_global
from pillarbox.message.walk import Kind
from tests import corpus
from tests.message.grammar import Body, read_body, read_envelope


def matches(body: Body, part: Part, parts: tuple[Part, ...]) -> bool:
    """The body structure and the table of offsets describe one thing."""
    if body.parts is not None:
        return (
            part.kind is Kind.MULTIPART
            and len(body.parts) == len(part.children)
            and all(matches(inner, parts[row], parts) for inner, row in zip(body.parts, part.children))
        )
    if body.octets != part.end - part.body or body.encoding.lower().decode() != part.encoding:
        return False
    if body.lines is not None and body.lines != part.lines:
        return False
    return body.inner is None or matches(body.inner, parts[part.children[0]], parts)


@pytest.mark.parametrize("name", ["spamassassin", "torture"])
def test_every_message_of_a_corpus(name: str) -> None:
    for mail in corpus.mails(name):
        raw = mail.raw
        derived = derive(raw)
        read_envelope(derived.envelope)
        body = read_body(derived.structure)
        assert (
            without_global(derived.structure) is derived.structure or b"global" in derived.structure.lower()
        )
        read_body(body_from_structure(derived.structure), extensible=False)
        table = unpack(derived.offsets)
        assert matches(body, table.parts[0], table.parts), mail.path
        for part in table.parts:
            assert 0 <= part.start <= part.body <= part.end <= len(raw), mail.path
            assert all(part.body <= table.parts[row].start for row in part.children), mail.path
            assert all(table.parts[row].end <= part.end for row in part.children), mail.path
            if part.kind in (Kind.LEAF, Kind.OPAQUE):
                assert find(table, part.path) is part, mail.path


@pytest.mark.parametrize("name", ["spamassassin", "torture"])
def test_every_message_can_be_searched_in_little_time(name: str) -> None:
    for mail in corpus.mails(name):
        started = time.process_time()
        message = searchable(mail.raw)
        assert time.process_time() - started < 1, mail.path
        for text in (*[text for _, text in message.headers], *message.parts):
            assert text.encode("utf-8") is not None
            assert "  " not in text and "\n" not in text and "\0" not in text, mail.path


def test_nearly_every_real_message_has_a_date_an_id_and_a_preview() -> None:
    derived = [derive(raw) for raw in corpus.real()]
    assert sum(each.sent_at is None for each in derived) < len(derived) // 100
    assert sum(not each.message_id for each in derived) < len(derived) // 50
    assert sum(not each.preview for each in derived) < len(derived) // 50
