"""POP3 as mail programs speak it: poplib, curl, fetchmail, getmail, mpop."""

from __future__ import annotations

import mailbox
import poplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import fill, program, run
from tests.oracle import PASSWORD
from tests.places import Place

ONE = b"Subject: one\r\nFrom: a@example.test\r\n\r\nhello\r\n.a dot\r\n..two\r\n.\r\nthe end\r\n"
TWO = b"Subject: two\r\nFrom: b@example.test\r\n\r\n" + b"".join(b"line %d\r\n" % n for n in range(40))


@pytest.fixture
def account(place: Place) -> str:
    """An account with two messages, where POP3 is spoken."""
    if not place.pop3:
        pytest.skip("dovecot-pop3d is not installed")
    address = place.account()
    fill(place, address, [ONE, TWO])
    return address


@pytest.fixture
def pop(place: Place, account: str) -> Iterator[poplib.POP3]:
    client = connect(place, account)
    yield client
    client.close()


def connect(place: Place, account: str) -> poplib.POP3:
    client = poplib.POP3(place.host, place.pop3, timeout=30)
    client.user(account)
    client.pass_(PASSWORD)
    return client


def lines(raw: bytes) -> list[bytes]:
    return raw.split(b"\r\n")[:-1]


def left(place: Place, account: str) -> int:
    with place.client(account) as client:
        return int(client.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"])


def test_poplib(place: Place, account: str, pop: poplib.POP3) -> None:
    assert pop.stat() == (2, len(ONE + TWO))
    assert pop.list()[1] == [b"1 %d" % len(ONE), b"2 %d" % len(TWO)]
    assert pop.list(2).startswith(b"+OK 2 %d" % len(TWO))
    assert pop.retr(1)[1] == lines(ONE)
    assert pop.top(2, 3)[1] == lines(TWO)[:6]
    assert pop.top(2, 1000)[1] == lines(TWO)
    assert pop.noop().startswith(b"+OK")
    unique = [line.split() for line in pop.uidl()[1]]
    assert [number for number, _ in unique] == [b"1", b"2"]
    assert pop.uidl(1).split()[1:3] == unique[0]
    assert pop.dele(1).startswith(b"+OK")
    for command in (pop.retr, pop.list, pop.dele, pop.uidl):
        with pytest.raises(poplib.error_proto):
            command(1)
    assert pop.stat() == (1, len(TWO))
    assert pop.rset().startswith(b"+OK")
    assert pop.stat()[0] == 2
    pop.dele(2)
    assert pop.quit().startswith(b"+OK")
    assert left(place, account) == 1
    # RFC 1939 7: unique ids stay over sessions.
    again = connect(place, account)
    assert again.uidl()[1] == [b"1 " + unique[0][1]]
    again.quit()


def test_capabilities_that_both_have(place: Place, account: str) -> None:
    client = poplib.POP3(place.host, place.pop3, timeout=30)
    offered = client.capa()
    client.quit()
    wanted = {"TOP", "UIDL", "USER", "SASL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE"}
    assert wanted <= set(offered)
    assert "PLAIN" in offered["SASL"]


def test_a_connection_that_breaks_removes_nothing(place: Place, account: str, pop: poplib.POP3) -> None:
    pop.dele(1)
    pop.close()
    assert left(place, account) == 2


def test_errors(place: Place, pop: poplib.POP3) -> None:
    for command in (
        "RETR 3",
        "RETR 0",
        "RETR x",
        "RETR",
        "TOP 1",
        "DELE 99",
        "XYZZY",
        "USER again",
        "LIST 1 2",
    ):
        with pytest.raises(poplib.error_proto):
            pop._shortcmd(command)
    other = poplib.POP3(place.host, place.pop3, timeout=30)
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        other.user(place.account())
        other.pass_("wrong")
    other.close()


def test_stls_and_tls(place: Place, account: str) -> None:
    context = ssl.create_default_context(cafile=place.certificate)
    client = poplib.POP3("localhost", place.pop3, timeout=30)
    client.stls(context)
    client.user(account)
    client.pass_(PASSWORD)
    assert client.stat()[0] == 2
    assert "STLS" not in client.capa()
    client.quit()
    secure = poplib.POP3_SSL("localhost", place.pop3s, timeout=30, context=context)
    secure.user(account)
    secure.pass_(PASSWORD)
    assert secure.retr(2)[1] == lines(TWO)
    secure.quit()


def test_everything_that_is_delivered(place: Place, letters: list[bytes]) -> None:
    """Real mail comes out octet for octet, and as long as LIST says."""
    if not place.pop3:
        pytest.skip("dovecot-pop3d is not installed")
    chosen = [each for each in letters if each.endswith(b"\r\n") and each.partition(b"\r\n\r\n")[0].isascii()]
    address = place.account()
    fill(place, address, chosen)
    client = connect(place, address)
    sizes = [int(line.split()[1]) for line in client.list()[1]]
    assert sizes == [len(each) for each in chosen]
    for number, each in enumerate(chosen, 1):
        assert client.retr(number)[1] == lines(each)
    client.quit()


def curl(place: Place, account: str, home: Path, path: str, *more: str, tls: bool = False) -> bytes:
    scheme, port = ("pop3s", place.pop3s) if tls else ("pop3", place.pop3)
    known = ["--cacert", place.certificate, "--resolve", f"localhost:{port}:{place.host}"]
    url = f"{scheme}://localhost:{port}/{path}"
    run([program("curl"), "-sS", "-o", "out", "--user", f"{account}:{PASSWORD}", *known, *more, url], home)
    return (home / "out").read_bytes()


def test_curl(place: Place, account: str, tmp_path: Path) -> None:
    assert curl(place, account, tmp_path, "") == b"1 %d\r\n2 %d\r\n" % (len(ONE), len(TWO))
    assert curl(place, account, tmp_path, "1") == ONE
    assert curl(place, account, tmp_path, "2", "--ssl-reqd") == TWO
    assert curl(place, account, tmp_path, "2", tls=True) == TWO
    assert curl(place, account, tmp_path, "", "-X", "UIDL").count(b"\r\n") == 2


def received(home: Path) -> list[bytes]:
    """The bodies that a program has put into the Maildir, in the order of their subjects."""
    found = sorted(mailbox.Maildir(home / "mail"), key=lambda message: str(message["Subject"]))
    return [message.get_payload(decode=True) for message in found]


def bodies(*raw: bytes) -> list[bytes]:
    return [each.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n") for each in raw]


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    mailbox.Maildir(tmp_path / "mail")
    (tmp_path / "deliver").write_text(DELIVER)
    (tmp_path / "deliver").chmod(0o755)
    return tmp_path


DELIVER = "#!/bin/sh\ncat > $(dirname $0)/mail/new/$$.$(date +%s%N)\n"


def test_fetchmail_leaves_then_takes(place: Place, account: str, maildir: Path) -> None:
    (maildir / "rc").write_text(
        f'poll {place.host} protocol POP3 port {place.pop3} uidl user "{account}" password "{PASSWORD}"\n'
        f"sslproto ''\nno rewrite mda \"{maildir}/deliver\"\n"
    )
    (maildir / "rc").chmod(0o600)
    fetchmail = [program("fetchmail"), "-f", "rc", "--pidfile", str(maildir / "pid"), "--invisible"]
    run([*fetchmail, "--keep"], maildir)
    assert received(maildir) == bodies(ONE, TWO)
    assert left(place, account) == 2
    fill(place, account, [ONE.replace(b"Subject: one", b"Subject: zwei")])
    run([*fetchmail, "--nokeep"], maildir)  # what is new by its unique id
    assert received(maildir) == bodies(ONE, TWO, ONE)
    run([*fetchmail, "--nokeep", "--all"], maildir)
    assert left(place, account) == 0


def test_mpop(place: Place, account: str, maildir: Path) -> None:
    (maildir / "rc").write_text(
        f"account one\nhost localhost\nport {place.pop3}\nuser {account}\npassword {PASSWORD}\n"
        f"auth user\ntls on\ntls_starttls on\ntls_trust_file {place.certificate}\n"
        f"delivery maildir {maildir}/mail\nuidls_file {maildir}/uidls\nkeep on\nreceived_header off\n"
    )
    (maildir / "rc").chmod(0o600)
    mpop = [program("mpop"), "-C", "rc", "one"]
    run(mpop, maildir)
    run(mpop, maildir)  # and not twice
    assert received(maildir) == bodies(ONE, TWO)
    assert left(place, account) == 2
    run([*mpop, "--keep=off"], maildir)
    assert left(place, account) == 0


def test_getmail(place: Place, account: str, maildir: Path) -> None:
    (maildir / "rc").write_text(
        f"[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\nport = {place.pop3s}\n"
        f"username = {account}\npassword = {PASSWORD}\nca_certs = {place.certificate}\n"
        f"[destination]\ntype = MDA_external\npath = {maildir}/deliver\nallow_root_commands = true\n"
        "[options]\nread_all = false\ndelete = false\ndelivered_to = false\nreceived = false\n"
    )
    getmail = [program("getmail"), "--getmaildir", str(maildir), "--rcfile", str(maildir / "rc")]
    run(getmail, maildir)
    run(getmail, maildir)
    assert received(maildir) == bodies(ONE, TWO)
    run([*getmail, "--delete", "--all"], maildir)
    assert left(place, account) == 0


def test_what_pop3_deletes_idle_hears_of(place: Place, account: str, pop: poplib.POP3) -> None:
    with place.client(account) as imap:
        imap.select_folder("INBOX", readonly=True)
        flags = imap.fetch("1:*", ["FLAGS"])
        imap.idle()
        pop.retr(1)
        pop.dele(1)
        pop.quit()
        assert (1, b"EXPUNGE") in imap.idle_check(timeout=30)
        imap.idle_done()
        (uid,) = imap.search()
        assert b"\\Seen" not in flags[uid][b"FLAGS"]


def test_reading_leaves_no_trace(place: Place, account: str, pop: poplib.POP3) -> None:
    if place.name == "dovecot":
        pytest.skip("Dovecot sets \\Seen when a message is retrieved")
    pop.retr(1)
    pop.top(2, 0)
    pop.quit()
    with place.client(account) as imap:
        imap.select_folder("INBOX")
        assert [each[b"FLAGS"] for each in imap.fetch("1:*", ["FLAGS"]).values()] == [(b"\\Recent",)] * 2
