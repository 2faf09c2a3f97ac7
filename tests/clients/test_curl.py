"""curl speaks IMAP from a command line, in clear and over TLS with the certificate checked."""

from pathlib import Path

from tests.clients.conftest import program, run
from tests.oracle import PASSWORD
from tests.places import Place

LETTER = b"Subject: by curl\r\nFrom: a@example.test\r\n\r\nhello from curl\r\n"


def curl(place: Place, address: str, home: Path, path: str, *more: str, tls: bool = False) -> str:
    scheme, port = ("imaps", place.imaps) if tls else ("imap", place.imap)
    url = f"{scheme}://localhost:{port}{path}"
    known = ["--cacert", place.certificate, "--resolve", f"localhost:{port}:{place.host}"]
    return run(
        [program("curl"), "-sS", "--user", f"{address}:{PASSWORD}", *known, *more, url],
        home,
    )


def test_appends_lists_and_reads(place: Place, tmp_path: Path) -> None:
    address = place.account()
    (tmp_path / "letter").write_bytes(LETTER)
    curl(place, address, tmp_path, "/INBOX", "-T", "letter")
    assert "INBOX" in curl(place, address, tmp_path, "/")
    assert curl(place, address, tmp_path, "/INBOX;MAILINDEX=1").encode().replace(b"\r\n", b"\n") == (
        LETTER.replace(b"\r\n", b"\n")
    )
    assert "* SEARCH 1" in curl(place, address, tmp_path, "/INBOX?SUBJECT%20curl")
    assert "MESSAGES 1" in curl(place, address, tmp_path, "/", "-X", "STATUS INBOX (MESSAGES)")


def test_over_tls_with_a_checked_certificate(place: Place, tmp_path: Path) -> None:
    address = place.account()
    (tmp_path / "letter").write_bytes(LETTER)
    curl(place, address, tmp_path, "/INBOX", "-T", "letter", tls=True)
    assert "hello from curl" in curl(place, address, tmp_path, "/INBOX;MAILINDEX=1;SECTION=TEXT", tls=True)


def test_starttls(place: Place, tmp_path: Path) -> None:
    address = place.account()
    said = curl(place, address, tmp_path, "/", "--ssl-reqd", "-X", "NAMESPACE")
    assert "NAMESPACE" in said
