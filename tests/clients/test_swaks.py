"""swaks delivers by LMTP, and the message is there for IMAP."""

from pathlib import Path

from tests.clients.conftest import program, run
from tests.places import Place

LETTER = b"Subject: by swaks\nFrom: a@example.test\nTo: b@example.test\n\n.a line with a dot\nand the end\n"


def swaks(place: Place, home: Path, *recipients: str) -> str:
    (home / "letter").write_bytes(LETTER)
    where = ["--server", place.host, "--port", str(place.lmtp()), "--protocol", "LMTP"]
    return run(
        [
            program("swaks"),
            *where,
            "--from",
            "a@example.test",
            "--to",
            ",".join(recipients),
            "--data",
            "@letter",
        ],
        home,
    )


def test_delivers(place: Place, tmp_path: Path) -> None:
    address = place.account()
    said = swaks(place, tmp_path, address)
    assert "250 2.1.5" in said or "250 2." in said
    with place.client(address) as client:
        client.select_folder("INBOX")
        (data,) = client.fetch("1:*", ["BODY[]", "FLAGS"]).values()
        assert data[b"BODY[]"].startswith(b"Return-Path: <a@example.test>\r\n")
        assert LETTER.replace(b"\n", b"\r\n") in data[b"BODY[]"]
        assert b"\r\nReceived: " in data[b"BODY[]"]


def test_one_reply_for_each_recipient(place: Place, tmp_path: Path) -> None:
    addresses = [place.account() for _ in range(3)]
    said = swaks(place, tmp_path, *addresses)
    after_data = said.rpartition(" -> .\n")[2]
    assert after_data.count("<-  250") == 3
    for address in addresses:
        with place.client(address) as client:
            assert client.folder_status("INBOX", ["MESSAGES"]) == {b"MESSAGES": 1}


def test_a_folder_after_the_plus_sign(place: Place, tmp_path: Path) -> None:
    address = place.account()
    with place.client(address) as client:
        client.create_folder("lists")
    local, _, domain = address.partition("@")
    swaks(place, tmp_path, f"{local}+lists@{domain}")
    with place.client(address) as client:
        assert client.folder_status("lists", ["MESSAGES"]) == {b"MESSAGES": 1}
