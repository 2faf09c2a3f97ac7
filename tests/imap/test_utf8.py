"""UTF8=ACCEPT (RFC 6855, RFC 9755): UTF-8 in names, strings and headers, once the client has asked for it."""

from __future__ import annotations

from tests.imap.conftest import Play, World

NAME = "Grüße/Entwürfe".encode()
SHIFTED = b"Gr&APwA3w-e/Entw&APw-rfe"
MAIL = "From: Jøran <jøran@example.com>\r\nSubject: Grüße aus Köln\r\n\r\nhei\r\n".encode()
SUBJECT = "Grüße aus Köln".encode()
TOLD = b"* %d FETCH (BODY[HEADER.FIELDS (SUBJECT)] {%d}\r\nSubject: %b\r\n\r\n)"


def test_names_are_utf8_for_those_who_enabled_it_and_for_nobody_else(play: Play) -> None:
    async def script(world: World) -> None:
        old, new = await world.user(), await world.user(b"UTF8=ACCEPT")
        await new.ok(b'CREATE "' + NAME + b'"')
        await new.ok(b'SUBSCRIBE "' + NAME + b'"')
        for command in (b'LIST "" Gr*', b'LSUB "" Gr*'):
            (line,) = [line for line in await new.ok(command) if b"Entw" in line]
            assert line.endswith(b' "/" "' + NAME + b'"')
        assert await new.ok(b'STATUS "' + NAME + b'" (MESSAGES)') == [b'* STATUS "%b" (MESSAGES 0)' % NAME]
        for command in (b'LIST "" Gr*', b'LSUB "" Gr*'):
            (line,) = [line for line in await old.ok(command) if b"Entw" in line]
            assert line.endswith(b' "/" ' + SHIFTED)
        assert await old.ok(b"STATUS " + SHIFTED + b" (MESSAGES)") == [b"* STATUS %b (MESSAGES 0)" % SHIFTED]
        # RFC 9051 4.3, RFC 6855 3: without ENABLE there is no UTF-8 in a quoted string.
        assert (await old.status(b'SELECT "' + NAME + b'"')).startswith(b"BAD ")
        # What looks like modified UTF-7 is no spelling of that name any more.
        assert (await new.status(b"SELECT " + SHIFTED)).startswith(b"NO ")
        await new.ok(b'SELECT "' + NAME + b'"')

    play(script)


def test_what_is_no_utf8_and_what_no_name_may_hold(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"UTF8=ACCEPT")
        for octets in (b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe4b"):
            assert (await user.status(b'CREATE "' + octets + b'"')).startswith(b"BAD "), octets
            literal = b"CREATE {%d+}\r\n%b" % (len(octets), octets)
            assert (await user.status(literal)).startswith(b"BAD "), octets
        for point in (0x1, 0x7F, 0x80, 0x9F, 0x2028, 0x2029):
            status = await user.status(b'CREATE "x%b"' % chr(point).encode())
            assert status.startswith(b"NO [CANNOT] "), hex(point)
        # RFC 5198 2: NFC, so both spellings are one mailbox.
        await user.ok(b'CREATE "u\xcc\x88"')
        await user.ok(b'SELECT "\xc3\xbc"')

    play(script)


def test_search_takes_utf8_strings_and_no_charset(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"UTF8=ACCEPT", select=b"INBOX")
        await user.append(MAIL)
        assert await user.ok(b'SEARCH SUBJECT "GR\xc3\x9c"') == [b"* SEARCH 1"]
        await user.ok(b"SEARCH RETURN (SAVE) ALL")
        for charset in (b"UTF-8", b"US-ASCII", b"ISO-8859-1"):
            assert (await user.status(b"SEARCH CHARSET " + charset + b" ALL")).startswith(b"BAD "), charset
        assert await user.ok(b"SEARCH $") == [b"* SEARCH 1"]  # RFC 9051 6.4.4.1: BAD leaves it alone
        assert (await user.status(b'SEARCH SUBJECT "\xff"')).startswith(b"BAD ")
        both = await world.user(b"UTF8=ACCEPT", b"IMAP4rev2", select=b"INBOX")
        assert (await both.status(b"SEARCH CHARSET UTF-8 ALL")).startswith(b"OK ")

    play(script)


def test_messages_with_utf8_headers_come_in_either_way(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(b"UTF8=ACCEPT", select=b"INBOX")
        size = len(MAIL)
        for command in (
            b"APPEND INBOX UTF8 (~{%d+}\r\n%b)" % (size, MAIL),  # RFC 6855 4
            b"APPEND INBOX (\\Seen) utf8 (~{%d+}\r\n%b)" % (size, MAIL),
            b"APPEND INBOX {%d+}\r\n%b" % (size, MAIL),  # RFC 9755 4
            b"APPEND INBOX ~{%d+}\r\n%b" % (size, MAIL),
            b"APPEND INBOX UTF8 (~{%d+}\r\n%b) UTF8 (~{%d+}\r\n%b)" % (size, MAIL, size, MAIL),
        ):
            assert (await user.status(command)).startswith(b"OK [APPENDUID "), command
        await user.client.send(b"w APPEND INBOX UTF8 (~{%d}\r\n" % size)
        assert b"+ " in await user.client.read_until(b"Go ahead\r\n")
        await user.client.send(MAIL + b")\r\n")
        assert b"APPENDUID" in await user.answer(b"w")
        await user.ok(b"NOOP")
        for number in range(1, 8):
            answer = await user.do(b"FETCH %d BODY.PEEK[]" % number)
            assert b"{%d}\r\n%b)" % (size, MAIL) in answer, number
        for wrong in (
            b"UTF8 ({%d+}\r\n%b)",
            b"UTF8 ~{%d+}\r\n%b",
            b"UTF8 (~{%d+}\r\n%b",
            b"UTF8(~{%d+}\r\n%b)",
        ):
            status = await user.status(b"APPEND INBOX " + wrong % (size, MAIL))
            assert status.startswith(b"BAD "), wrong
        assert await user.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 7)"]

    play(script)


def test_header_text_stands_in_quoted_strings_only_where_it_may(play: Play) -> None:
    async def script(world: World) -> None:
        old = await world.user(select=b"INBOX")
        await old.append(MAIL)
        for user in (old, await world.user(b"UTF8=ACCEPT", select=b"INBOX")):
            answer = await user.do(b"FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
            assert TOLD % (1, len(SUBJECT) + 13, SUBJECT) in answer
            answer = await user.do(b"FETCH 1 ENVELOPE")
            assert b"{%d}\r\n%b" % (len(SUBJECT), SUBJECT) in answer
            # RFC 6855 3: never quoted before ENABLE.
            assert b'"' + SUBJECT not in answer or user is not old
        assert (await old.status(b"ENABLE UTF8=ONLY")).startswith(b"OK ")
        assert b"ENABLED UTF8" not in await old.do(b"ENABLE UTF8=ONLY IMAP4")
        assert await old.ok(b"ENABLE utf8=accept") == [b"* ENABLED UTF8=ACCEPT"]
        assert await old.ok(b"ENABLE UTF8=ACCEPT") == [b"* ENABLED"]

    play(script)
