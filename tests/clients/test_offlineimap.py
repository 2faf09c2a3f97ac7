"""OfflineIMAP, built on Python's imaplib."""

from pathlib import Path

from tests.clients.conftest import program, run
from tests.clients.syncing import story
from tests.oracle import PASSWORD
from tests.places import Place

CONFIGURATION = """
[general]
accounts = account
metadata = {home}/metadata
ui = basic
fsync = false

[Account account]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {home}/mail

[Repository far]
type = IMAP
remotehost = {host}
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = no
starttls = no
folderfilter = lambda name: name == 'INBOX'
"""


def configured(place: Place, address: str, home: Path) -> list[str]:
    path = home / "offlineimaprc"
    path.write_text(
        CONFIGURATION.format(host=place.host, port=place.imap, user=address, password=PASSWORD, home=home)
    )
    return [program("offlineimap"), "-c", str(path), "-o"]


def sync(command: list[str], home: Path) -> None:
    said = run(command, home)
    assert "ERROR" not in said, said


def test_both_sides_converge(place: Place, letters: list[bytes], tmp_path: Path) -> None:
    address = place.account()
    command = configured(place, address, tmp_path)
    story(place, address, letters, tmp_path / "mail" / "INBOX", lambda: sync(command, tmp_path))
