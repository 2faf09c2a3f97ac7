"""URLAUTH between users, with submission servers, over time, and with large and odd messages."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pillarbox.identity.authenticate import Login
from pillarbox.imap.commands import urlauth as commands
from pillarbox.imap.session import Services, Session
from pillarbox.model.errors import Code, Refused
from pillarbox.net import memory
from pillarbox.net.session import Peer
from pillarbox.store.check import check
from pillarbox.store.files import account_folder
from tests.imap.conftest import ACCOUNT, NOW, Imap, World

MAIL = b"Subject: one\r\n\r\nbody\r\n"
BOB = 8
USERS = {
    "ada": Login(ACCOUNT, 3, "ada@example.org"),
    "bob": Login(BOB, 4, "bob@example.org"),
    "gone": Login(9, 5, "gone@example.org"),
}


class Town:
    """Ada's account and Bob's, and one that the directory knows and the store does not."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = Random(4467)

    async def login(self, credentials: Any, channel: object) -> Login:
        return USERS[credentials.name]

    def user(self, name: str) -> Login | None:
        return USERS.get(name)

    async def session(self, name: str) -> Imap:
        world = self.world
        services = Services(
            world.store, self.login, world.settings, world.report, self.user, self.random.randbytes
        )
        imap = Imap(memory.connect(Session(services), peer=Peer("127.0.0.1", 4, is_loopback=True)))
        await imap.greeting()
        await imap.ok(b"LOGIN " + name.encode() + b" secret")
        return imap


async def town(world: World) -> tuple[Town, Imap, Imap]:
    await world.store.create_account(BOB)
    made = Town(world)
    return made, await made.session("ada"), await made.session("bob")


async def authorize(imap: Imap, rest: bytes) -> bytes:
    [line] = await imap.ok(b'GENURLAUTH "imap://ada@mail.example.org' + rest + b'" INTERNAL')
    return line.removeprefix(b"* GENURLAUTH ").strip(b'"')


async def fetch(imap: Imap, url: bytes, what: bytes = b"") -> bytes:
    """What is said of the URL."""
    written = b'"' + url + b'"'
    answer = await imap.do(b"URLFETCH " + (b"(" + written + b" " + what + b")" if what else written))
    assert b" OK " in answer.splitlines()[-1]
    found = re.match(rb'\* URLFETCH (?:"[^"]*"|\S+) (.*)\r\n\S+ OK [^\r\n]*\r\n\Z', answer, re.DOTALL)
    assert found
    return found[1]


def test_who_may_use_a_url(play: Any) -> None:
    async def script(world: World) -> None:
        _, ada, bob = await town(world)
        await ada.append(MAIL)
        for access, for_ada, for_bob in (
            (b"anonymous", True, True),
            (b"authuser", True, True),
            (b"user+ada", True, False),
            (b"USER+bob", False, True),
            (b"user+nobody", False, False),
            (b"submit+ada", False, True),
            (b"submit+whoever", False, True),
        ):
            url = await authorize(ada, b"/INBOX/;UID=1;URLAUTH=" + access)
            for imap, allowed in ((ada, for_ada), (bob, for_bob)):
                assert await fetch(imap, url) == (b"{%d}\r\n" % len(MAIL) + MAIL if allowed else b"NIL")

    play(script, submitters=("nobody", "bob"))


def test_nobody_authorizes_what_is_not_his(play: Any) -> None:
    async def script(world: World) -> None:
        _, ada, bob = await town(world)
        await ada.append(MAIL)
        for owner in (b"ada", b"nobody"):  # the same answer whether there is such a user or not
            url = b'"imap://' + owner + b'@mail.example.org/INBOX/;UID=1;URLAUTH=anonymous"'
            answer = await bob.status(b"GENURLAUTH " + url + b" INTERNAL")
            assert answer == b"BAD The owner in the URL must be the user who is logged in"
        signed = url[:-1] + b":internal:" + b"0" * 32 + b'"'
        assert (await ada.status(b"GENURLAUTH " + signed + b" INTERNAL")).startswith(b"BAD ")

    play(script)


def test_every_octet_of_a_url_is_vouched_for(play: Any) -> None:
    async def script(world: World) -> None:
        _, ada, bob = await town(world)
        for _ in range(2):
            await ada.append(MAIL)
        await bob.append(MAIL)
        url = await authorize(ada, b"/INBOX/;UID=1;EXPIRE=2100-01-01T00:00:00Z;URLAUTH=anonymous")
        assert await fetch(bob, url) != b"NIL"
        assert await fetch(bob, url.replace(b":internal:", b":INTERNAL:")) != b"NIL"
        for old, new in (
            (b"UID=1", b"UID=2"),
            (b"ada@", b"bob@"),
            (b"ada@", b"Ada@"),
            (b"ada@", b"%61da@"),
            (b"mail.", b"MAIL."),
            (b"2100", b"2101"),
            (b"/INBOX", b"/inbox"),
            (b"imap:", b"IMAP:"),
            (b"anonymous", b"authuser"),
            (b":internal:01", b":internal:02"),
            (b":internal:", b":xsample:"),
            (b";EXPIRE=2100-01-01T00:00:00Z", b""),
            (b":internal:", b":internal:00"),
        ):
            assert old in url
            assert await fetch(bob, url.replace(old, new)) == b"NIL", new
        for at in range(len(url) - 66, len(url)):
            other = b"1" if url[at : at + 1] == b"0" else b"0"
            assert await fetch(bob, url[:at] + other + url[at + 1 :]) == b"NIL"
        for cut in (1, 2, 34, 66):
            assert await fetch(bob, url[:-cut]) == b"NIL"

    play(script)


def test_a_url_ends_with_its_time(play: Any) -> None:
    async def script(world: World) -> None:
        _, ada, bob = await town(world)
        await ada.append(MAIL)
        url = await authorize(ada, b"/INBOX/;UID=1;EXPIRE=2023-11-14T22:13:30Z;URLAUTH=anonymous")
        for later, allowed in ((0, True), (10, True), (11, False), (-1, True)):
            world.clock[0] = NOW + later
            assert (await fetch(bob, url) != b"NIL") is allowed

    play(script)


def test_what_its_owner_loses_others_lose(play: Any) -> None:
    async def script(world: World) -> None:
        _, ada, bob = await town(world)
        await ada.ok(b"CREATE Box")
        await ada.append(MAIL, to=b"Box")
        await ada.append(MAIL)
        in_box = await authorize(ada, b"/Box/;UID=1;URLAUTH=anonymous")
        in_inbox = await authorize(ada, b"/INBOX/;UID=1;URLAUTH=anonymous")
        assert await fetch(bob, in_box) != b"NIL"
        await ada.ok(b"RENAME Box Crate")
        assert await fetch(bob, in_box) == b"NIL"
        await ada.ok(b"RENAME Crate Box")
        assert await fetch(bob, in_box) != b"NIL"
        await ada.ok(b"DELETE Box")
        await ada.ok(b"CREATE Box")
        await ada.append(MAIL, to=b"Box")
        await authorize(ada, b"/Box/;UID=1;URLAUTH=anonymous")
        assert await fetch(bob, in_box) == b"NIL"
        await ada.ok(b"SELECT INBOX")
        await ada.ok(b"STORE 1 +FLAGS (\\Deleted)")
        await ada.ok(b"EXPUNGE")
        assert await fetch(bob, in_inbox) == b"NIL"
        await bob.ok(b"RESETKEY")
        await bob.ok(b"RESETKEY INBOX")
        await ada.append(MAIL)
        url = await authorize(ada, b"/INBOX/;UID=2;URLAUTH=anonymous")
        await bob.ok(b"RESETKEY")
        assert await fetch(bob, url) != b"NIL"

    play(script)


def test_wrong_users_and_mailboxes_cost_the_same_work(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    token: Callable[[bytes, bytes], str] = commands._token

    def counted(secret: bytes, rump: bytes) -> str:
        made.append(secret)
        return token(secret, rump)

    async def script(world: World) -> None:
        _, ada, bob = await town(world)
        await ada.append(MAIL)
        await authorize(ada, b"/INBOX/;UID=1;URLAUTH=anonymous")
        monkeypatch.setattr(commands, "_token", counted)
        for place in (b"ada@x/INBOX", b"ada@x/nowhere", b"ada@x/Sent", b"nobody@x/INBOX", b"gone@x/INBOX"):
            url = b"imap://" + place + b"/;UID=1;URLAUTH=anonymous:internal:" + b"0" * 66
            assert await fetch(bob, url) == b"NIL"
        assert len(made) == 5

    play(script)


def test_no_account_is_made_by_asking(play: Any, tmp_path: Path) -> None:
    async def script(world: World) -> None:
        _, _, bob = await town(world)
        url = b"imap://gone@x/INBOX/;UID=1;URLAUTH=anonymous:internal:" + b"0" * 66
        assert await fetch(bob, url) == b"NIL"

    play(script)
    assert not account_folder(tmp_path, 9).exists()
    assert check(account_folder(tmp_path, BOB)) == []


def test_a_large_body_is_sent_in_pieces(play: Any) -> None:
    async def script(world: World) -> None:
        _, ada, bob = await town(world)
        size = 8_000_000
        letter = b"Subject: x\r\n\r\n" + b"lorem ipsum dolor sit amet\r\n" * (size // 28)
        await ada.append(letter)
        url = await authorize(ada, b"/INBOX/;UID=1/;SECTION=TEXT;URLAUTH=anonymous")
        body = letter.partition(b"\r\n\r\n")[2]
        assert await fetch(bob, url) == b"{%d}\r\n" % len(body) + body
        assert await fetch(bob, url, b"BODY") == b"(BODY {%d}\r\n" % len(body) + body + b")"
        bob.client.stop_reading()
        tracemalloc.start()
        tag = await bob.send(b"URLFETCH" + (b' "' + url + b'"') * 40)
        bystander = await world.user()
        for _ in range(20):
            assert await bystander.status(b"NOOP") == b"OK NOOP completed"
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < size // 2  # what is not read is not made
        bob.client.start_reading()
        assert b" OK " in (await bob.answer(tag))[-40:]

    play(script)


@pytest.mark.parametrize(
    ("section", "what", "said"),
    [
        (b"", b"BODYPARTSTRUCTURE", rb'\(BODYPARTSTRUCTURE \(\("text" .*"mixed" .*\)\)'),
        (b"HEADER.FIELDS%20(Subject)", b"BODY", rb"\(BODY \{14\}\r\nSubject: x\r\n\r\n\)"),
        (
            b"HEADER",
            b"BODYPARTSTRUCTURE",
            rb'\(BODYPARTSTRUCTURE \("text" "rfc822-headers" NIL NIL NIL "7bit" \d+ 5 NIL NIL NIL NIL\)\)',
        ),
        (b"1.MIME", b"BINARY", rb"\(BINARY \{\d+\}\r\nContent-Type: text/plain.*\r\n\r\n\)"),
        (
            b"1",
            b"BINARY%BODYPARTSTRUCTURE",
            rb'\(BODYPARTSTRUCTURE \("text" "plain" \("charset" "utf-8"\) NIL NIL "binary" 6 2 .*\)\)'
            rb" \(BINARY \{6\}\r\n\xc3\xbc\r\n\r\n\)",
        ),
        (b"TEXT", b"BINARY", rb"\(BINARY \{\d+\}\r\n--x.*--x--\r\n\)"),
        (b"2", b"BINARY", rb"\(BINARY ~\{3\}\r\n\x00\x01\x02\)"),
        (b"2", b"", rb"\{6\}\r\nAAEC\r\n"),
        (b"9", b"", rb'""'),
        (b"9", b"BINARY", rb"NIL"),
        (b"3", b"BODYPARTSTRUCTURE%BINARY", rb'\(BODYPARTSTRUCTURE \(.*"x-odd" .*\)\) \(BINARY NIL\)'),
    ],
)
def test_sections(play: Any, section: bytes, what: bytes, said: bytes) -> None:
    letter = (
        b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\nX: y\r\n\r\n--x\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"=C3=BC=0D=0A\r\n\r\n--x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        b"AAEC\r\n\r\n--x\r\nContent-Transfer-Encoding: x-odd\r\n\r\nodd\r\n--x--\r\n"
    )

    async def script(world: World) -> None:
        _, ada, bob = await town(world)
        await ada.append(letter)
        path = b"/;SECTION=" + section if section else b""
        url = await authorize(ada, b"/INBOX/;UID=1" + path + b";URLAUTH=anonymous")
        assert re.fullmatch(said, await fetch(bob, url, what.replace(b"%", b" ")), re.DOTALL)

    play(script)


def test_bad_sections_are_not_authorized(play: Any) -> None:
    async def script(world: World) -> None:
        _, ada, _ = await town(world)
        for section in (
            b"HEDDAR",
            b"1.",
            b"0",
            b"1%5D%3C0.1%3E",
            b"1%5D",
            b"%0D%0A",
            b"HEADER.FIELDS",
            b"%00",
        ):
            url = b'"imap://ada@x/INBOX/;UID=1/;SECTION=' + section + b';URLAUTH=anonymous"'
            assert (await ada.status(b"GENURLAUTH " + url + b" INTERNAL")).startswith(b"BAD ")

    play(script)


def test_a_store_that_cannot_answer_is_no_answer_about_the_url(play: Any) -> None:
    async def script(world: World) -> None:
        _, ada, bob = await town(world)
        await ada.append(MAIL)
        url = await authorize(ada, b"/INBOX/;UID=1;URLAUTH=anonymous")
        read = world.store.read

        async def busy(account: int, *rest: Any, **more: Any) -> Any:
            if account == ACCOUNT:
                raise Refused("The account is busy", Code.UNAVAILABLE, temporary=True)
            return await read(account, *rest, **more)

        world.store.read = busy  # type: ignore[method-assign]
        # RFC 4467 7: NO is for what a later try may resolve.
        assert (await bob.status(b'URLFETCH "' + url + b'"')).startswith(b"NO [UNAVAILABLE] ")
        world.store.read = read  # type: ignore[method-assign]
        assert await fetch(bob, url) != b"NIL"

    play(script)


def test_only_those_who_have_logged_in(play: Any) -> None:
    async def script(world: World) -> None:
        stranger = world.connect()
        await stranger.greeting()
        for command in (b"RESETKEY", b"GENURLAUTH x INTERNAL", b"URLFETCH x"):
            assert (await stranger.status(command)).startswith(b"BAD ")
        names = (await stranger.do(b"CAPABILITY")).split()
        assert not {b"URLAUTH", b"URLAUTH=BINARY", b"CATENATE", b"URL-PARTIAL"} & set(names)

    play(script)
