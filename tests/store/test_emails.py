"""What messages say, read in columns."""

import pytest

from pillarbox.message.derive import DERIVED_VERSION, derive
from pillarbox.model.actors import Actor
from pillarbox.model.errors import Refused
from pillarbox.model.numbers import MAX_NUMBER
from pillarbox.store import buried, emails, flags, mailboxes, messages
from pillarbox.testing.verbs import Verbs, staged

RAW = b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nFrom: A <a@b.example>\r\nSubject: Re: one\r\n\r\ntext\r\n"
MESSAGE = staged(RAW)


def test_every_column_comes_as_asked(verbs: Verbs) -> None:
    verbs.write(messages.append, verbs.inbox, MESSAGE)
    derived = MESSAGE.derived
    wanted = {
        "uid": 1,
        "size": len(RAW),
        "header_size": derived.header_size,
        "sent_at": 1_700_000_000,
        "sent_day": 1_700_000_000 // 86_400,
        "envelope": derived.envelope,
        "structure": derived.structure,
        "offsets": derived.offsets,
        "preview": derived.preview,
        "is_reply": 1,
        "base_subject": derived.base_subject.encode(),
        "from_mailbox": derived.sort_keys.from_mailbox,
        "from_display": derived.sort_keys.from_display,
        "message_id": b"",
        "refs": b"",
    }
    for columns in (tuple(wanted), tuple(reversed(wanted)), ("uid", "size"), ("from_display", "uid")):
        for with_buried in (False, True):
            [row] = verbs.read(emails.rows, verbs.inbox, 1, 9, columns, with_buried=with_buried)
            assert row == tuple(wanted[column] for column in columns)
    [row] = verbs.read(emails.rows, verbs.inbox, 1, 9, tuple(emails.COLUMNS))
    assert len(row) == len(emails.COLUMNS)


def test_a_message_without_a_date_says_so(verbs: Verbs) -> None:
    verbs.write(messages.append, verbs.inbox, staged(b"\r\n"))
    assert verbs.read(emails.rows, verbs.inbox, 1, 1, ("sent_at", "sent_day")) == [(None, None)]


def test_text_that_is_no_text_is_kept(verbs: Verbs) -> None:
    odd = staged(b"Subject: \xff\xfe =?utf-16?b?2D0=?=\r\nFrom: \xed\xa0\x80@x\r\n\r\n")
    verbs.write(messages.append, verbs.inbox, odd)
    [(subject,)] = verbs.read(emails.rows, verbs.inbox, 1, 1, ("base_subject",))
    assert subject == odd.derived.sort_keys.base_subject != b""


def test_expunged_messages_are_served_until_they_are_erased(verbs: Verbs) -> None:
    for _ in range(3):
        verbs.write(messages.append, verbs.inbox, MESSAGE)
    verbs.write(flags.store_flags, verbs.inbox, ((2, 2),), "add", ("\\Deleted",))
    verbs.write(messages.expunge, verbs.inbox)
    ask = (emails.rows, verbs.inbox, 1, MAX_NUMBER, ("uid", "envelope"))
    assert [uid for uid, _ in verbs.read(*ask)] == [1, 3]
    assert verbs.read(*ask, with_buried=True) == [(uid, MESSAGE.derived.envelope) for uid in (1, 2, 3)]
    some = verbs.read(emails.rows_of, verbs.inbox, ((2, 2), (3, 9)), ("uid",), with_buried=True)
    assert some == [(2,), (3,)]
    verbs.now += 2 * buried.RETENTION
    verbs.write(lambda tx, _: buried.erase(tx))
    assert [uid for uid, _ in verbs.read(*ask, with_buried=True)] == [1, 3]


def test_messages_of_a_deleted_mailbox_are_served_before_and_after_the_sweep(verbs: Verbs) -> None:
    box = verbs.write(mailboxes.create, "a").id
    verbs.write(messages.append, box, MESSAGE)
    verbs.write(mailboxes.delete, "a")
    ask = (emails.rows, box, 1, 9, ("uid", "size"))
    assert verbs.read(*ask, with_buried=True) == [(1, len(RAW))]
    assert verbs.write(lambda tx, _: buried.sweep(tx)) == 1
    assert verbs.read(*ask, with_buried=True) == [(1, len(RAW))]
    assert verbs.read(*ask) == []


def test_reading_needs_the_right(verbs: Verbs) -> None:
    with pytest.raises(Refused):
        verbs.read(emails.rows, verbs.inbox, 1, 9, ("uid",), actor=Actor(reader=2, owner=False))


def test_what_older_code_derived_is_found_and_replaced(verbs: Verbs) -> None:
    done = [verbs.write(messages.append, verbs.inbox, MESSAGE).email for _ in range(5)]
    verbs.run("UPDATE email SET derived = derived - 1, envelope = x'00' WHERE id IN (?, ?)", done[0], done[3])
    verbs.run("UPDATE email_key SET base_subject = x'00' WHERE email = ?", done[3])
    found, after = [], 0
    while True:
        stale, after = verbs.read(lambda tx, _, start=after: emails.needs_derive(tx, 2, start))
        found += stale
        if not after:
            break
    assert [email for email, _ in found] == [done[0], done[3]]
    before = verbs.modseq()
    for email, _ in found:
        verbs.write(lambda tx, _, email=email: emails.rederive(tx, email, derive(RAW)))
    assert verbs.read(lambda tx, _: emails.needs_derive(tx, 10)) == ([], 0)
    columns = ("envelope", "base_subject", "thread")
    rows = verbs.read(emails.rows, verbs.inbox, 1, 9, columns)
    assert [row[:2] for row in rows] == [
        (MESSAGE.derived.envelope, MESSAGE.derived.sort_keys.base_subject)
    ] * 5
    assert verbs.modseq() == before
    assert verbs.rows("SELECT DISTINCT derived FROM email") == [(DERIVED_VERSION,)]


def test_where_an_email_lives(verbs: Verbs) -> None:
    email = verbs.write(messages.append, verbs.inbox, MESSAGE).email
    box = verbs.write(mailboxes.create, "a").id
    verbs.write(messages.copy, verbs.inbox, ((1, 1),), box)
    verbs.write(messages.copy, verbs.inbox, ((1, 1),), verbs.inbox)
    living = verbs.read(lambda tx, _: emails.living(tx, [email]))
    assert living == [(email, verbs.inbox, 1), (email, verbs.inbox, 2), (email, box, 1)]
    verbs.write(mailboxes.delete, "a")
    assert len(verbs.read(lambda tx, _: emails.living(tx, [email]))) == 2
