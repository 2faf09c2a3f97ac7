"""SELECT, LIST, STATUS, CREATE and what other sessions notice of them."""

from __future__ import annotations

from tests.imap.conftest import Play, World

MAIL = b"Subject: m\r\n\r\nx\r\n"


def test_select_in_both_languages(play: Play) -> None:
    async def script(world: World) -> None:
        old, new = await world.user(), await world.user(b"IMAP4rev2")
        await old.append(MAIL, flags=b"\\Seen Work")
        await old.append(MAIL)
        lines = await old.ok(b"SELECT inbox")
        assert [line for line in lines if line.startswith((b"* FLAGS", b"* 2", b"* LIST"))] == [
            b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Work)",
            b"* 2 EXISTS",
            b"* 2 RECENT",
        ]
        assert any(b"[UNSEEN 2]" in line for line in lines)
        assert any(line.endswith(b"Work \\*)] Flags are kept") for line in lines)
        lines = await new.ok(b"SELECT inbox")
        assert b'* LIST () "/" INBOX' in lines
        assert not [line for line in lines if b"RECENT" in line or b"UNSEEN" in line]
        for word in (b"UIDVALIDITY ", b"UIDNEXT 3", b"PERMANENTFLAGS (", b"MAILBOXID ("):
            assert any(line.startswith(b"* OK [" + word) for line in lines), word

    play(script)


def test_recent_is_told_once(play: Play) -> None:
    async def script(world: World) -> None:
        first, second = await world.user(), await world.user()
        await first.append(MAIL)
        assert b"* 1 RECENT" in await first.ok(b"EXAMINE INBOX")  # RFC 3501 6.3.2: EXAMINE takes nothing away
        assert b"* 1 RECENT" in await first.ok(b"SELECT INBOX")
        assert b"* 0 RECENT" in await second.ok(b"SELECT INBOX")
        await second.append(MAIL)
        assert b"* 2 RECENT" in await first.ok(b"NOOP")
        assert await second.ok(b"SEARCH NEW") == [b"* SEARCH 2"]

    play(script)


def test_a_failed_select_selects_nothing(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        answer = await user.do(b"SELECT nowhere")
        assert b" NO [NONEXISTENT] " in answer
        assert (await user.status(b"FETCH 1 FLAGS")).startswith(b"BAD ")
        await user.ok(b"SELECT INBOX")
        assert (await user.ok(b"SELECT Sent"))[0].startswith(b"* OK [CLOSED] ")

    play(script)


def test_examine_changes_nothing(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(MAIL, flags=b"\\Deleted")
        lines = await user.ok(b"EXAMINE INBOX")
        assert any(line.startswith(b"* OK [PERMANENTFLAGS ()]") for line in lines)
        for command in (b"STORE 1 +FLAGS (\\Seen)", b"EXPUNGE", b"MOVE 1 Archive", b"UID EXPUNGE 1"):
            assert (await user.status(command)).startswith(b"NO "), command
        await user.ok(b"COPY 1 Archive")
        await user.ok(b"CLOSE")
        assert await user.ok(b"STATUS INBOX (MESSAGES DELETED)") == [b"* STATUS INBOX (MESSAGES 1 DELETED 1)"]
        await user.ok(b"SELECT INBOX")
        await user.ok(b"UNSELECT")
        await user.ok(b"SELECT INBOX")
        assert await user.ok(b"CLOSE") == []
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    play(script)


def test_list_selects_returns_and_recurses(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        for name in (b"Fruit/Apple", b"Fruit/Banana", b"Tofu"):
            await user.ok(b"CREATE " + name)
        for name in (b"Sent", b"Drafts", b"Junk", b"Trash", b"Archive", b"INBOX"):
            await user.ok(b"UNSUBSCRIBE " + name)
        for name in (b"Fruit/Banana", b"Fruit/Peach", b"Lost/Child"):
            await user.ok(b"SUBSCRIBE " + name)
        assert await user.ok(b'LIST "" ""') == [b'* LIST (\\Noselect) "/" ""']
        assert await user.ok(b'LIST "" ("Fruit" "T%" "")') == [
            b'* LIST (\\HasChildren) "/" Fruit',
            b'* LIST (\\HasNoChildren) "/" Tofu',
            b'* LIST (\\HasNoChildren \\Trash) "/" Trash',
        ]
        assert await user.ok(b'LIST (SUBSCRIBED) "" *') == [
            b'* LIST (\\Subscribed \\HasNoChildren) "/" Fruit/Banana',
            b'* LIST (\\Subscribed \\NonExistent) "/" Fruit/Peach',
            b'* LIST (\\Subscribed \\NonExistent) "/" Lost/Child',
        ]
        assert await user.ok(b'LIST (SUBSCRIBED RECURSIVEMATCH) "" %') == [
            b'* LIST (\\HasChildren) "/" Fruit ("CHILDINFO" ("SUBSCRIBED"))',
            b'* LIST (\\NonExistent) "/" Lost ("CHILDINFO" ("SUBSCRIBED"))',
        ]
        assert await user.ok(b"LIST Fruit/ % RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES))") == [
            b'* LIST (\\HasNoChildren) "/" Fruit/Apple',
            b"* STATUS Fruit/Apple (MESSAGES 0)",
            b'* LIST (\\Subscribed \\HasNoChildren) "/" Fruit/Banana',
            b"* STATUS Fruit/Banana (MESSAGES 0)",
        ]
        assert await user.ok(b'LIST (SPECIAL-USE) "" *') == [
            b'* LIST (\\HasNoChildren \\Archive) "/" Archive',
            b'* LIST (\\HasNoChildren \\Drafts) "/" Drafts',
            b'* LIST (\\HasNoChildren \\Junk) "/" Junk',
            b'* LIST (\\HasNoChildren \\Sent) "/" Sent',
            b'* LIST (\\HasNoChildren \\Trash) "/" Trash',
        ]
        assert (await user.status(b'LIST (RECURSIVEMATCH) "" *')).startswith(b"BAD ")
        assert await user.ok(b'LSUB "" %') == [
            b'* LSUB (\\Noselect) "/" Fruit',
            b'* LSUB (\\Noselect) "/" Lost',
        ]
        assert await user.ok(b'LSUB "" Fruit/*') == [
            b'* LSUB () "/" Fruit/Banana',
            b'* LSUB () "/" Fruit/Peach',
        ]

    play(script)


def test_special_uses_are_given_once(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        assert (await user.status(b"CREATE a (USE (\\Flagged))")).startswith(b"NO [USEATTR] ")
        assert (await user.status(b"CREATE a (USE (\\Nonsense))")).startswith(b"NO [USEATTR] ")
        assert (await user.status(b"CREATE Bin (USE (\\Trash))")).startswith(b"NO [USEATTR] ")
        await user.ok(b"DELETE Trash")
        await user.ok(b"CREATE Bin (USE (\\Trash))")
        assert b'* LIST (\\HasNoChildren \\Trash) "/" Bin' in await user.ok(b'LIST "" *')

    play(script)


def test_names_are_kept_in_one_spelling(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"IMAP4rev2")
        apart, whole = "e\u0301te\u0301".encode(), "\u00e9t\u00e9".encode()
        told = b'* LIST () "/" "%b" ("OLDNAME" ("%b"))' % (whole, apart)
        assert await user.ok(b'CREATE "%b"' % apart) == [told]
        assert await user.ok(b'CREATE "%b"' % whole.replace(b"t", b"d")) == []
        assert told in await user.ok(b'SELECT "%b"' % apart)
        assert (await user.status(b'CREATE "%b"' % whole)).startswith(b"NO [ALREADYEXISTS] ")
        await user.ok(b'RENAME "%b" x' % whole)
        assert await user.ok(b'RENAME x "%b"' % apart) == [told]

    play(script)


def test_status_numbers(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.append(MAIL, flags=b"\\Deleted")
        await user.append(MAIL, flags=b"\\Seen")
        items = b"MESSAGES 2 UIDNEXT 3 UNSEEN 1 DELETED 1 SIZE %d RECENT 2 APPENDLIMIT %d"
        expected = items % (2 * len(MAIL), world.settings.append_limit)
        asked = b" ".join(expected.split()[::2])
        assert await user.ok(b"STATUS INBOX (" + asked + b")") == [b"* STATUS INBOX (" + expected + b")"]
        assert (await user.status(b"STATUS nowhere (MESSAGES)")).startswith(b"NO [NONEXISTENT] ")

    play(script)


def test_the_selected_mailbox_goes_away(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user()
        await user.ok(b"CREATE doomed")
        await user.ok(b"SELECT doomed")
        watcher = await world.user(select=b"doomed")
        idler = await world.user(select=b"doomed")
        await idler.send(b"IDLE")
        assert (await user.ok(b"DELETE doomed"))[0].startswith(b"* OK [CLOSED] ")
        assert (await user.status(b"FETCH 1 FLAGS")).startswith(b"BAD ")
        await watcher.send(b"NOOP")
        assert (await watcher.client.read_all()).startswith(b"* BYE ")
        assert b"* BYE " in await idler.client.read_all()

    play(script)
