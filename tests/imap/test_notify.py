"""NOTIFY (RFC 5465): what is told between commands, of which mailbox, and what is not."""

from __future__ import annotations

import pytest

from pillarbox.identity.authenticate import Login
from pillarbox.model.actors import SERVER, Actor
from pillarbox.model.errors import Code, Refused
from pillarbox.store import mailboxes, watching
from pillarbox.store.tx import Tx
from tests.imap.conftest import ACCOUNT, Imap, Play, World

MAIL = b"From: ada@example.org\r\nSubject: hello\r\n\r\nx\r\n"
SELECTED = b"NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))"
DELAYED = b"NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))"
PERSONAL = b"NOTIFY SET (personal (MessageNew MessageExpunge FlagChange))"
NAMES = b"NOTIFY SET (personal (MailboxName SubscriptionChange))"


async def hears(user: Imap, *lines: bytes) -> None:
    """These lines come, in this order, although nothing was asked."""
    for line in lines:
        assert (await user.client.read_line()).rstrip(b"\r\n") == line


async def hears_nothing(user: Imap, other: Imap) -> None:
    """Nothing is on its way: what another connection does after that is done."""
    for _ in range(3):
        await other.ok(b"NOOP")
    assert user.client.read_now() == b""


def test_the_selected_mailbox_is_told_of_between_commands(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(select=b"INBOX"), await world.user()
        assert await user.ok(SELECTED) == []
        await other.append(MAIL)
        await hears(user, b"* 1 EXISTS", b"* 1 RECENT")
        await other.append(MAIL)
        await hears(user, b"* 2 EXISTS", b"* 2 RECENT")
        await other.ok(b"SELECT INBOX")
        await other.ok(b"STORE 2 +FLAGS (\\Flagged)")
        await hears(user, b"* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent))")
        await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await hears(user, b"* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))")
        await other.ok(b"EXPUNGE")
        await hears(user, b"* 1 EXPUNGE", b"* 1 RECENT")
        assert await user.ok(b"FETCH 1 UID") == [b"* 1 FETCH (UID 2)"]
        await user.ok(b"NOTIFY NONE")
        await other.append(MAIL)
        await hears_nothing(user, other)

    play(script)


def test_new_messages_come_with_what_was_asked_for_unless_the_client_made_them(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(b"IMAP4rev2", select=b"INBOX"), await world.user()
        await user.append(MAIL)
        items = b"uid body.peek[header.fields (subject)]"
        await user.ok(b"NOTIFY SET (selected (MessageNew (" + items + b") MessageExpunge))")
        told = b"UID %d BODY[HEADER.FIELDS (subject)] {18}"
        for uid in (2, 3):
            await other.append(MAIL)
            await hears(user, b"* %d EXISTS" % uid, b"* %d FETCH (" % uid + told % uid)
            await hears(user, b"Subject: hello", b"", b")")
        # Its own are told of, and not described.
        assert b"* 4 EXISTS\r\n" in await user.do(b"APPEND INBOX {%d+}\r\n%b" % (len(MAIL), MAIL))
        await user.ok(b"COPY 1 INBOX")
        await hears_nothing(user, other)
        # What comes during a command is described after it.
        tag = await user.send(b"SEARCH ALL")
        await other.append(MAIL)
        answer = await user.answer(tag)
        if b"6 EXISTS" not in answer:
            await hears(user, b"* 6 EXISTS")
        await hears(user, b"* 6 FETCH (" + told % 6, b"Subject: hello", b"", b")")
        # A mailbox that is selected anew is known.
        await user.ok(b"SELECT INBOX")
        await hears_nothing(user, other)

    play(script)


def test_selected_delayed_withholds_expunges_until_a_command_may_tell(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(b"IMAP4rev2", select=b"INBOX"), await world.user(select=b"INBOX")
        for _ in range(3):
            await user.append(MAIL)
        await other.ok(b"NOOP")
        await user.ok(DELAYED)
        await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await hears(user, b"* 1 FETCH (UID 1 FLAGS (\\Deleted))")
        await other.ok(b"EXPUNGE")
        await hears_nothing(user, other)
        await other.append(MAIL)
        await hears(user, b"* 4 EXISTS")
        assert b"* 4 FETCH (UID 4)" in await user.ok(b"FETCH 4 UID")
        assert await user.ok(b"NOOP") == [b"* 1 EXPUNGE"]
        await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await hears(user, b"* 1 FETCH (UID 2 FLAGS (\\Deleted))")
        await user.send(b"IDLE")
        await hears(user, b"+ idling")
        await other.ok(b"EXPUNGE")
        await hears(user, b"* 1 EXPUNGE")
        await user.client.send(b"DONE\r\n")
        assert b"OK IDLE" in await user.client.read_line()
        await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await hears(user, b"* 1 FETCH (UID 3 FLAGS (\\Deleted))")
        await other.ok(b"EXPUNGE")
        await hears_nothing(user, other)

    play(script)


def test_who_is_told_mod_sequences_is_told_how_far_they_go(play: Play) -> None:
    # RFC 7162 3.2: never above a withheld expunge, or the client would not ask for that any more.
    async def script(world: World) -> None:
        user, other = await world.user(b"QRESYNC"), await world.user()
        for _ in range(2):
            await other.append(MAIL)
        await user.ok(b"SELECT INBOX")
        await other.ok(b"SELECT INBOX")
        await user.ok(DELAYED.replace(b"MessageNew", b"MessageNew (UID MODSEQ)"))
        await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        line = await user.client.read_line()
        before = int(line.partition(b"MODSEQ (")[2].partition(b")")[0])
        await other.ok(b"EXPUNGE")
        await other.append(MAIL)
        told = b""
        while b"HIGHESTMODSEQ" not in told:
            told = await user.client.read_line()
        assert told.startswith(b"* OK [HIGHESTMODSEQ %d] " % before)

    play(script)


def test_who_wants_no_events_of_the_selected_mailbox_has_a_snapshot(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(b"IMAP4rev2", select=b"INBOX"), await world.user(select=b"INBOX")
        for _ in range(3):
            await other.append(MAIL)
        # RFC 5465 3.1: what has come until now is told.
        assert await user.ok(b"NOTIFY SET (selected NONE)") == [b"* 3 EXISTS"]
        await other.append(MAIL)
        await other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ok(b"EXPUNGE")
        assert await user.ok(b"NOOP") == []
        assert await user.ok(b"UID SEARCH RETURN (COUNT) ALL") != []
        assert await user.ok(b"FETCH 3 UID") == [b"* 3 FETCH (UID 3)"]
        assert await user.ok(b"STORE 2 +FLAGS (\\Seen)") == [b"* 2 FETCH (FLAGS (\\Seen))"]
        assert await user.ok(b"FETCH 2 FLAGS") == [b"* 2 FETCH (FLAGS (\\Seen))"]
        assert (await user.status(b"FETCH 4 UID")).startswith(b"BAD ")
        # Its own expunge it must hear of.
        await user.ok(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
        assert await user.ok(b"EXPUNGE") == [b"* 1 EXPUNGE", b"* 1 EXPUNGE"]
        assert await user.ok(SELECTED) == [b"* 2 EXISTS"]
        assert await user.ok(b"FETCH 1:* UID") == [b"* 1 FETCH (UID 3)", b"* 2 FETCH (UID 4)"]
        await user.ok(b"NOTIFY NONE")
        await other.append(MAIL)
        assert await user.ok(b"NOOP") == []
        await user.ok(b"SELECT INBOX")
        assert await user.ok(b"FETCH 3 UID") == [b"* 3 FETCH (UID 5)"]

    play(script)


def test_flags_are_told_only_to_those_who_asked(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(b"IMAP4rev2", select=b"INBOX"), await world.user(select=b"INBOX")
        await user.append(MAIL)
        await other.ok(b"NOOP")
        await user.ok(b"NOTIFY SET (selected (MessageNew MessageExpunge))")
        await other.ok(b"STORE 1 +FLAGS (\\Flagged)")
        await hears_nothing(user, other)
        assert await user.ok(b"NOOP") == []
        assert await user.ok(b"FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Flagged))"]
        await other.append(MAIL)
        await hears(user, b"* 2 EXISTS")

    play(script)


def test_status_on_set_and_of_mailboxes_that_are_not_selected(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(select=b"INBOX"), await world.user()
        await other.ok(b"CREATE Lists/Lemonade")
        await other.append(MAIL, to=b"Lists/Lemonade")
        told = await user.ok(b"NOTIFY SET STATUS (subtree Lists (MessageNew MessageExpunge))")
        (line,) = [line for line in told if b"Lemonade" in line]
        assert line.startswith(b"* STATUS Lists/Lemonade (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ")
        assert len(told) == 2  # Lists is a mailbox too
        await other.append(MAIL, to=b"Lists/Lemonade")
        await hears(user, b"* STATUS Lists/Lemonade (UIDNEXT 3 MESSAGES 2)")
        await other.append(MAIL)  # INBOX is selected and nothing was asked of it
        await other.append(MAIL, to=b"Archive")
        await other.ok(b"SELECT Lists/Lemonade")
        await other.ok(b"STORE 1 +FLAGS (\\Deleted \\Seen)")  # nobody asked for flags
        await other.ok(b"EXPUNGE")
        await hears(user, b"* STATUS Lists/Lemonade (UIDNEXT 3 MESSAGES 1)")
        # What the client does itself is not told to it.
        await user.append(MAIL, to=b"Lists/Lemonade")
        await hears_nothing(user, other)
        await other.append(MAIL, to=b"Lists/Lemonade")
        await hears(user, b"* STATUS Lists/Lemonade (UIDNEXT 5 MESSAGES 3)")
        told = await user.ok(
            b"NOTIFY SET STATUS (mailboxes (INBOX Archive nowhere) (MessageNew MessageExpunge))"
        )
        (line,) = [line for line in told if b"STATUS" in line]
        assert line.startswith(b"* STATUS Archive (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ")

    play(script)


def test_flag_changes_of_other_mailboxes(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(), await world.user(select=b"INBOX")
        await other.append(MAIL)
        await other.ok(b"NOOP")
        aware = await world.user(b"CONDSTORE")
        for one in (user, aware):
            await one.ok(PERSONAL)
        await other.ok(b"STORE 1 +FLAGS (\\Flagged)")
        line = await aware.client.read_line()
        assert line.startswith(b"* STATUS INBOX (UIDVALIDITY ") and b" HIGHESTMODSEQ " in line
        await hears_nothing(user, other)
        await other.ok(b"STORE 1 +FLAGS (\\Seen)")
        line = await user.client.read_line()
        assert line.startswith(b"* STATUS INBOX (UIDVALIDITY ") and line.endswith(b" UNSEEN 0)\r\n")
        await other.append(MAIL)
        await hears(user, b"* STATUS INBOX (UIDNEXT 3 MESSAGES 2)")

    play(script)


def test_names_and_subscriptions(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(), await world.user()
        await user.ok(NAMES)
        await other.ok(b"CREATE new")
        await hears(user, b'* LIST (\\HasNoChildren) "/" new')
        await other.ok(b"CREATE new/below")
        await hears(user, b'* LIST (\\HasChildren) "/" new', b'* LIST (\\HasNoChildren) "/" new/below')
        await other.ok(b"RENAME new old")  # what is below is not told of
        await hears(user, b'* LIST (\\HasChildren) "/" old ("OLDNAME" (new))')
        await other.ok(b"SUBSCRIBE old")
        await hears(user, b'* LIST (\\Subscribed \\HasChildren) "/" old')
        await other.ok(b"UNSUBSCRIBE old")
        await hears(user, b'* LIST (\\HasChildren) "/" old')
        await other.ok(b"DELETE old/below")
        await hears(user, b'* LIST (\\HasNoChildren) "/" old', b'* LIST (\\NonExistent) "/" old/below')
        await other.ok(b"SUBSCRIBE nowhere")
        await hears(user, b'* LIST (\\Subscribed \\NonExistent) "/" nowhere')
        # Not what the client does itself.
        for command in (b"CREATE a/b", b"RENAME a c", b"SUBSCRIBE c", b"UNSUBSCRIBE c", b"DELETE c/b"):
            await user.ok(command)
            await hears_nothing(user, other)
        await other.append(MAIL)  # no event of messages was asked for
        await hears_nothing(user, other)

    play(script)


def test_only_what_a_filter_covers(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(), await world.user()
        for name in (b"box", b"box/in", b"boxes"):
            await other.ok(b"CREATE " + name)
        events = b" (MessageNew MessageExpunge))"
        for watched, heard, unheard in (
            (b"(subtree box", (b"box", b"box/in"), (b"boxes", b"INBOX")),
            (b"(mailboxes (box boxes)", (b"box", b"boxes"), (b"box/in",)),
            (b"(inboxes", (b"INBOX", b"boxes"), ()),
            (b"(mailboxes box", (b"box",), (b"boxes",)),
        ):
            await user.ok(b"NOTIFY SET " + watched + events)
            for name in unheard:
                await other.append(MAIL, to=name)
            await hears_nothing(user, other)
            for name in heard:
                await other.append(MAIL, to=name)
                line = await user.client.read_line()
                assert line.startswith(b"* STATUS " + name + b" (UIDNEXT "), (watched, name, line)
        # RFC 5465 6.4: the list is looked at again when subscriptions change.
        await user.ok(b"NOTIFY SET (subscribed" + events)
        await other.append(MAIL, to=b"boxes")
        await hears_nothing(user, other)
        await other.ok(b"SUBSCRIBE boxes")
        await other.append(MAIL, to=b"boxes")
        assert b"* STATUS boxes (UIDNEXT " in await user.client.read_line()
        # Groups add up; the first is about messages, the second about names.
        await user.ok(b"NOTIFY SET (mailboxes box (MessageNew MessageExpunge)) (personal (MailboxName))")
        await other.append(MAIL, to=b"box")
        assert b"* STATUS box (" in await user.client.read_line()
        await other.ok(b"CREATE more")
        await hears(user, b'* LIST (\\HasNoChildren) "/" more')

    play(script)


def test_events_that_need_other_extensions(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        assert b"NOTIFY" in (await user.ok(b"CAPABILITY"))[0].split()
        known = b"MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange"
        for events in (
            b"(personal (MailboxMetadataChange))",
            b"(personal (ServerMetadataChange MailboxName))",
            b"(selected (MessageNew MessageExpunge AnnotationChange))",
            b"(inboxes (x-unheard-of))",
        ):
            status = await user.status(b"NOTIFY SET " + events)
            assert status.startswith(b"NO [BADEVENT (" + known + b")] "), events
        other = await world.user()
        await other.append(MAIL)  # and nothing has been set
        await hears_nothing(user, other)

    play(script)


def test_idle_tells_exactly_what_notify_asked_for(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(b"IMAP4rev2", select=b"INBOX"), await world.user()
        await user.ok(b"NOTIFY SET (mailboxes Archive (MessageNew MessageExpunge))")
        await user.send(b"IDLE")
        await hears(user, b"+ idling")
        await other.append(MAIL)
        await other.append(MAIL, to=b"Archive")
        await hears(user, b"* STATUS Archive (UIDNEXT 2 MESSAGES 1)")
        await user.client.send(b"DONE\r\n")
        assert b"OK IDLE" in await user.client.read_line()
        await other.append(MAIL, to=b"Archive")
        await hears(user, b"* STATUS Archive (UIDNEXT 3 MESSAGES 2)")

    play(script)


def test_a_client_that_does_not_read_costs_nothing_and_hears_how_things_are_in_the_end(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(b"IMAP4rev2", select=b"INBOX"), await world.user(select=b"INBOX")
        count = 1500
        one = b" {%d+}\r\n%b" % (len(MAIL), MAIL)
        await other.ok(b"APPEND INBOX" + one * count)
        await user.ok(SELECTED[:-1] + b") (personal (MessageNew MessageExpunge MailboxName))")
        user.client.stop_reading()
        for _ in range(20):
            await other.ok(b"STORE 1:* +FLAGS.SILENT (\\Flagged)")
            await other.ok(b"STORE 1:* -FLAGS.SILENT (\\Flagged)")
            await other.append(MAIL, to=b"Archive")
        assert user.client.unsent < 256 * 1024
        await other.ok(b"STORE 2:* +FLAGS.SILENT (\\Deleted)")
        await other.ok(b"EXPUNGE")
        assert user.client.unsent < 256 * 1024
        user.client.start_reading()
        told = b""
        while b"(UIDNEXT 21 MESSAGES 20)" not in told:
            told += await user.client.read_line()
        assert told.count(b" EXPUNGE\r\n") == count - 1
        assert await user.ok(b"FETCH 1:* UID") == [b"* 1 FETCH (UID 1)"]

    play(script)


def test_a_command_waits_until_what_is_being_told_has_been_told(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(b"IMAP4rev2", select=b"INBOX"), await world.user()
        await user.ok(b"NOTIFY SET (selected (MessageNew (uid body.peek[]) MessageExpunge))")
        large = MAIL + b"y" * 70_000 + b"\r\n"
        for number in range(1, 6):
            await other.append(large)
            tag = await user.send(b"UID FETCH %d RFC822.SIZE" % number)
            answer = await user.answer(tag)
            while b"BODY[]" not in answer:
                answer += await user.client.read_line()
                if answer.endswith(b"{%d}\r\n" % len(large)):
                    answer += await user.client.read_exactly(len(large) + 3)
            assert answer.count(b"* %d EXISTS\r\n" % number) == 1
            assert b"BODY[] {%d}\r\n%b)\r\n" % (len(large), large) in answer
            assert b"RFC822.SIZE %d)\r\n" % len(large) in answer

    play(script)


def test_what_cannot_be_told_any_more_is_said_so(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(), await world.user()
        await user.ok(PERSONAL)

        def fails(*args: object) -> None:
            raise RuntimeError("a broken store")

        monkeypatch.setattr(watching, "moved", fails)
        world.expected_bugs = 1
        await other.append(MAIL)
        assert (await user.client.read_line()).startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
        monkeypatch.undo()
        await other.append(MAIL)
        await hears_nothing(user, other)
        await user.ok(PERSONAL)
        await other.append(MAIL)
        await hears(user, b"* STATUS INBOX (UIDNEXT 4 MESSAGES 3)")

    play(script)


def test_the_selected_mailbox_goes_away(play: Play) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(), await world.user()
        await other.ok(b"CREATE doomed")
        await user.ok(b"SELECT doomed")
        await user.ok(SELECTED)
        await other.ok(b"DELETE doomed")
        assert (await user.client.read_line()).startswith(b"* BYE ")
        await user.client.read_all()

    play(script)


def test_a_store_that_cannot_answer_now_is_asked_again(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(world: World) -> None:
        user, other = await world.user(), await world.user()
        await user.ok(PERSONAL)

        def refuses(*args: object) -> None:
            raise Refused("The account is busy", Code.UNAVAILABLE, temporary=True)

        monkeypatch.setattr(watching, "moved", refuses)
        await other.append(MAIL)
        await hears_nothing(user, other)
        monkeypatch.undo()
        await other.append(MAIL)
        await hears(user, b"* STATUS INBOX (UIDNEXT 3 MESSAGES 2)")

    play(script)


def test_mailboxes_that_may_not_be_looked_into(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5465 3.1, 5.9: of those without the right to read it is said so, of those without that to see
    nothing at all."""

    async def story(made: World) -> None:
        owner = await made.user()
        for name in (b"shown", b"locked", b"hidden"):
            await owner.ok(b"CREATE " + name)

        def grant(tx: Tx) -> None:
            for name, rights in (("shown", "lr"), ("locked", "l")):
                mailbox = mailboxes.require(tx, SERVER, name).id
                tx.run("INSERT INTO acl VALUES (?, ?, 'anyone', ?, 1)", tx.account, mailbox, rights)

        await made.store.write(ACCOUNT, grant)
        monkeypatch.setattr(Login, "actor", Actor(reader=9, owner=False))
        # A guest's subscriptions are in the guest's own account.
        monkeypatch.setattr(watching.subscriptions, "subscriptions", lambda tx, actor: [])
        guest = await made.user()
        told = await guest.ok(
            b"NOTIFY SET STATUS (mailboxes (shown locked hidden nowhere) (MessageNew MessageExpunge))"
        )
        assert [line.split(b" (")[0] for line in told if b"STATUS" in line] == [b"* STATUS shown"]
        assert [line for line in told if b"STATUS" not in line] == [b'* LIST (\\NoAccess) "/" locked']
        for name in (b"hidden", b"locked", b"shown"):
            await owner.append(MAIL, to=name)
        line = await guest.client.read_line()
        assert line.startswith(b"* STATUS shown (")
        assert await guest.ok(b"NOOP") == []

    play(story)
