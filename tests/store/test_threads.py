"""Which thread a message belongs to."""

import random

from pillarbox.model.numbers import MAX_NUMBER
from pillarbox.store import buried, emails, flags, mailboxes, messages
from pillarbox.store.messages import EVERYTHING, Incoming
from pillarbox.store.staged import Staged
from pillarbox.store.threads import START, sweep
from pillarbox.testing.verbs import Verbs, staged


def mail(own: str, subject: str = "one", *references: str) -> Staged:
    refs = " ".join(f"<{reference}>" for reference in references)
    header = f"Message-ID: <{own}>\r\n" if own else ""
    header += f"References: {refs}\r\n" if refs else ""
    return staged(f"{header}Subject: {subject}\r\n\r\ntext\r\n".encode())


def threads(verbs: Verbs) -> list[int]:
    return [thread for (thread,) in verbs.read(emails.rows, verbs.inbox, 1, MAX_NUMBER, ("thread",))]


def append(verbs: Verbs, *each: Staged) -> None:
    for message in each:
        verbs.write(messages.append, verbs.inbox, message)


def test_replies_join_their_thread(verbs: Verbs) -> None:
    append(verbs, mail("a@x"), mail("b@x", "Re: one", "a@x"), mail("c@x", "[list] RE: one", "a@x", "b@x"))
    assert len(set(threads(verbs))) == 1


def test_another_subject_is_another_thread(verbs: Verbs) -> None:
    # RFC 8621 3: an old message replied to only to find the recipient
    append(verbs, mail("a@x"), mail("b@x", "something else", "a@x"), mail("c@x", "Re: something else", "b@x"))
    first, second, third = threads(verbs)
    assert first != second == third


def test_messages_without_ids_are_alone(verbs: Verbs) -> None:
    append(verbs, mail(""), mail(""))
    assert len(set(threads(verbs))) == 2


def test_strangers_of_the_same_subject_are_strangers(verbs: Verbs) -> None:
    append(verbs, mail("a@x"), mail("b@x"))
    assert len(set(threads(verbs))) == 2


def test_threads_are_never_merged_and_joins_go_to_the_older(verbs: Verbs) -> None:
    # RFC 8474 5.2: a THREADID once reported does not change
    append(verbs, mail("late@x"), mail("early@x"))
    younger_first = threads(verbs)
    append(verbs, mail("joins@x", "Re: one", "early@x", "late@x"), mail("again@x", "Re: one", "joins@x"))
    assert threads(verbs) == [*younger_first, min(younger_first), min(younger_first)]
    append(verbs, mail("to-the-younger@x", "Re: one", "early@x"))
    assert threads(verbs)[-1] == max(younger_first)


def test_order_within_one_append_does_not_matter_to_siblings(verbs: Verbs) -> None:
    batch = [mail("r1@x", "Re: one", "root@x"), mail("root@x"), mail("r2@x", "Re: one", "root@x")]
    random.Random(1).shuffle(batch)
    verbs.write(messages.append_many, verbs.inbox, [Incoming(message) for message in batch])
    assert len(set(threads(verbs))) == 1


def test_copies_share_the_thread_and_it_outlives_none_of_its_mail(verbs: Verbs) -> None:
    append(verbs, mail("a@x"), mail("b@x", "Re: one", "a@x"))
    [thread, _] = threads(verbs)
    verbs.write(flags.store_flags, verbs.inbox, ((1, 1),), "add", ("\\Deleted",))
    verbs.write(messages.expunge, verbs.inbox)
    verbs.now += 2 * buried.RETENTION
    verbs.write(lambda tx, _: buried.erase(tx))
    append(verbs, mail("c@x", "Re: one", "a@x"))
    assert set(threads(verbs)) == {thread}, "one of it still lives"
    sent = verbs.read(mailboxes.require, "Sent").id
    verbs.write(messages.move, verbs.inbox, EVERYTHING, sent)
    assert verbs.read(emails.rows, sent, 1, 9, ("thread",)) == [(thread,)] * 2
    verbs.write(flags.store_flags, sent, EVERYTHING, "add", ("\\Deleted",))
    verbs.write(messages.expunge, sent)
    verbs.now += 2 * buried.RETENTION
    verbs.write(lambda tx, _: buried.erase(tx))
    assert verbs.rows("SELECT count(*) FROM email") == [(0,)]
    assert verbs.rows("SELECT count(*) FROM thread_key") == [(3,)]
    append(verbs, mail("d@x", "Re: one", "b@x", "c@x"))
    [another] = threads(verbs)
    assert another != thread
    append(verbs, mail("e@x", "Re: one", "c@x"))
    assert threads(verbs) == [another, another]


def test_keys_of_erased_threads_are_swept_in_slices(verbs: Verbs) -> None:
    append(verbs, *(mail(f"{number}@x") for number in range(10)))
    verbs.write(flags.store_flags, verbs.inbox, ((1, 4),), "add", ("\\Deleted",))
    verbs.write(messages.expunge, verbs.inbox)
    verbs.now += 2 * buried.RETENTION
    verbs.write(lambda tx, _: buried.erase(tx))
    slices = 0
    place: tuple[int, int] | None = START
    while place is not None:
        place = verbs.write(lambda tx, _, after=place: sweep(tx, after, 3))
        slices += 1
    assert slices == 4
    assert verbs.rows("SELECT count(*) FROM thread_key") == [(6,)]
