"""PREVIEW (RFC 8970): the first words of a message, made when it came."""

from __future__ import annotations

from tests.imap.conftest import Play, World

CAPTION = "Grüße aus Köln"
MAILS = (
    b"Subject: plain\r\n\r\nAt noon?\r\n> quoted\r\nYes.\r\n",
    b"Subject: no text\r\nContent-Type: image/png\r\n\r\nxx\r\n",
    b"Subject: utf\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + CAPTION.encode() + b"\r\n",
    b"Subject: long\r\n\r\n" + b"word " * 1000 + b"\r\n",
    b"Subject: html\r\nContent-Type: text/html\r\n\r\n<p>Hello <b>you</b></p>\r\n",
)


def test_what_is_shown_of_each_kind_of_message(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        assert b"PREVIEW" in (await user.ok(b"CAPABILITY"))[0].split()
        for mail in MAILS:
            await user.append(mail)
        assert await user.ok(b"FETCH 1:2,5 PREVIEW") == [
            b'* 1 FETCH (PREVIEW "At noon? Yes.")',
            b'* 2 FETCH (PREVIEW "")',  # RFC 8970 3.2: nothing to be made, so never NIL
            b'* 5 FETCH (PREVIEW "Hello you")',
        ]
        octets = CAPTION.encode()
        answer = await user.do(b"FETCH 3 PREVIEW")
        assert answer.startswith(b"* 3 FETCH (PREVIEW {%d}\r\n%b)\r\n" % (len(octets), octets))
        (line,) = await user.ok(b"FETCH 4 PREVIEW")
        assert len(line.split(b'"')[1]) <= 200
        modern = await world.user(b"UTF8=ACCEPT", select=b"INBOX")
        assert await modern.ok(b"FETCH 3 PREVIEW") == [b'* 3 FETCH (PREVIEW "%b")' % octets]

    play(script)


def test_lazy_asks_for_nothing_that_is_not_there(play: Play) -> None:
    async def script(world: World) -> None:
        user = await world.user(select=b"INBOX")
        await user.append(MAILS[0])
        plain = await user.ok(b"FETCH 1 (UID PREVIEW)")
        for item in (b"PREVIEW (LAZY)", b"preview (lazy lazy)", b"PREVIEW (LAZY) PREVIEW"):
            assert await user.ok(b"FETCH 1 (UID " + item + b")") == plain, item
        assert await user.ok(b"UID FETCH 1 PREVIEW (LAZY)") == plain
        for item in (b"PREVIEW (EAGER)", b"PREVIEW ()", b"PREVIEW (LAZY", b"(PREVIEW (EAGER))"):
            assert (await user.status(b"FETCH 1 " + item)).startswith(b"BAD "), item
        assert b"\\Seen" not in (await user.ok(b"FETCH 1 FLAGS"))[0]

    play(script)
