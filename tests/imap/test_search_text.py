"""What SEARCH finds in a message, as a client meets it."""

from __future__ import annotations

import pytest

from pillarbox.store.files import account_folder
from pillarbox.store.index import expecting
from pillarbox.store.index.catching_up import catch_up
from tests.imap.conftest import ACCOUNT, Play, World

MESSAGES = (
    # 1
    b'From: "a \\"b\\" c" <j@example.org>\r\nTo: Friends: x@example.org, "Doe, John" <doe@example.org>;\r\n'
    b"Cc: gone@example.org (Somebody Else)\r\nSubject: =?utf-8?b?5pel5pw=?=\r\n =?utf-8?b?rOiqng==?= mail\r\n"
    b"Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\n"
    + "The ﬁrst Straße is inter \r\nnational, soft\u00adly so, in ＦＵＬＬ width.\r\nA new line\r\n".encode(),
    # 2
    b"From: =?iso-8859-1?q?J=FCrgen?= <k@example.org>\r\nTo: one@example.org\r\nTo: two@example.org\r\n"
    b"Subject: first\r\nSubject: second\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>in<i>ter</i>nal</p><p>parts<!-- no --></p><img alt=cat>\r\n"
    b"--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment;\r\n filename*0*=utf-8''%c3%bc;\r\n"
    b" filename*1=bung.png\r\n\r\nxx\r\n--b\r\n"
    b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"U3ViamVjdDogaW5uZXINCg0KZGVlcA==\r\n--b--\r\n",
)

KEYS = {
    ("FROM", 'a "b" c'): b"1",
    ("FROM", '"a \\"b\\" c"'): b"1",
    ("FROM", "c <j@"): b"1",
    ("FROM", "jürgen"): b"2",
    ("HEADER From", "JÜRGEN"): b"2",
    ("FROM", "jurgen"): b"",
    ("TO", "Doe, John"): b"1",
    ("TO", "friends: x"): b"1",
    ("TO", "Friends"): b"1",
    ("TO", "two@"): b"2",
    ("TO", "org, two"): b"",
    ("CC", "somebody else <gone@"): b"1",
    ("CC", "gone@example.org (some"): b"1",
    ("SUBJECT", "日本語"): b"1",
    ("SUBJECT", "本"): b"1",
    ("SUBJECT", "語 MAIL"): b"1",
    ("SUBJECT", "second"): b"2",
    ("SUBJECT", "first second"): b"",
    ("BODY", "first"): b"1",
    ("BODY", "ﬁrst"): b"1",
    ("BODY", "ﬁ"): b"1",
    ("BODY", "straße"): b"1",
    ("BODY", "strasse"): b"",
    ("BODY", "international"): b"1",
    ("BODY", "softly"): b"1",
    ("BODY", "so\u00adftly"): b"1",
    ("BODY", "full  width"): b"1",
    ("BODY", "a new line"): b"1",
    ("BODY", "internal"): b"2",
    ("BODY", "internal parts"): b"2",
    ("BODY", "cat"): b"2",
    ("BODY", "no"): b"",
    ("BODY", "übung.png"): b"2",
    ("BODY", "preamble"): b"",
    ("BODY", "deep"): b"2",
    ("BODY", "subject: inner"): b"2",
    ("TEXT", "to: one"): b"2",
    ("TEXT", ","): b"1",
    ("TEXT", "base64"): b"",
}


@pytest.mark.parametrize("enable", [(), (b"IMAP4rev2",)])
def test_what_is_found(play: Play, enable: tuple[bytes, ...]) -> None:
    async def script(world: World) -> None:
        user = await world.user(*enable)
        for mail in MESSAGES:
            await user.ok(b"APPEND INBOX {%d+}\r\n" % len(mail) + mail)
        await user.ok(b"SELECT INBOX")
        found = {}
        for key, needle in KEYS:
            octets = needle.encode()
            command = key.encode() + b" {%d+}\r\n" % len(octets) + octets
            (line,) = await user.ok(b"SEARCH RETURN (ALL) CHARSET UTF-8 " + command)
            found[key, needle] = line.partition(b" ALL ")[2].replace(b"1:2", b"1 2").replace(b",", b" ")
        assert found == KEYS

    play(script)


def test_an_open_mailbox_that_is_long_is_ready_to_be_searched(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expecting, "LEAST", 2)

    async def script(world: World) -> None:
        user = await world.user()
        await user.append(b"Subject: zebra\r\n\r\nstripes")
        await user.ok(b"SELECT INBOX")
        catch_up(account_folder(world.store.data, ACCOUNT))
        await world.store.expecting.settle()
        assert world.store.expecting.octets == 0  # of a short one there is little to be read
        await user.append(b"Subject: horse\r\n\r\nmane")
        await user.ok(b"EXAMINE INBOX")
        await world.store.expecting.settle()
        assert world.store.expecting.octets > 0
        assert await user.ok(b"SEARCH SUBJECT zebra") == [b"* SEARCH 1"]
        assert await user.ok(b"SEARCH SUBJECT horse") == [b"* SEARCH 2"]

    play(script)
