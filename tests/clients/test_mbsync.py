"""isync's mbsync: the client with the sharpest eye for UIDs that move."""

import re
from pathlib import Path

from tests.clients.conftest import program, run
from tests.clients.syncing import story
from tests.oracle import PASSWORD
from tests.places import Place

CONFIGURATION = """
IMAPAccount account
Host {host}
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account account

MaildirStore near
Path {home}/mail/
Inbox {home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns {patterns}
Create Both
Expunge Both
CopyArrivalDate yes
SyncState *
"""


def configured(place: Place, address: str, home: Path, *, patterns: str = "*") -> list[str]:
    (home / "mail").mkdir()
    path = home / "mbsyncrc"
    path.write_text(
        CONFIGURATION.format(
            host=place.host,
            port=place.imap,
            user=address,
            password=PASSWORD,
            home=home,
            patterns=patterns,
        )
    )
    return [program("mbsync"), "-c", str(path), "-a"]


def test_both_sides_converge(place: Place, letters: list[bytes], tmp_path: Path) -> None:
    address = place.account()
    command = configured(place, address, tmp_path)
    story(place, address, letters, tmp_path / "mail" / "INBOX", lambda: sync(command, tmp_path))


def test_folders_are_made_on_both_sides(place: Place, tmp_path: Path) -> None:
    address = place.account()
    command = configured(place, address, tmp_path)
    with place.client(address) as client:
        client.create_folder("Work/Plans")
        client.append("Work/Plans", b"Subject: a plan\r\n\r\nx\r\n")
    sync(command, tmp_path)
    assert len(list((tmp_path / "mail" / "Work" / "Plans").glob("*/*"))) == 1
    for name in ("cur", "new", "tmp"):
        (tmp_path / "mail" / "Daily" / name).mkdir(parents=True)
    sync(command, tmp_path)
    with place.client(address) as client:
        assert "Daily" in [name for _, _, name in client.list_folders()]


def sync(command: list[str], home: Path) -> None:
    said = run(command, home)
    assert not re.search("(?m)^(Error|Warning|IMAP error)", said), said
