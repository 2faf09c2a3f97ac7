"""mutt on a terminal of its own: it lists a mailbox, reads a message, flags, copies and deletes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from pathlib import Path

from tests.clients.conftest import fill, program
from tests.oracle import PASSWORD
from tests.places import Place

PATIENCE = 20.0
CONFIGURATION = """
set folder = "{url}"
set record = ""
set imap_user = "{user}"
set imap_pass = "{password}"
set ssl_starttls = no
set ssl_force_tls = no
set wait_key = no
set pipe_decode = no
set confirmappend = no
set confirmcreate = no
set delete = yes
set quit = yes
set sort = mailbox-order
set index_format = "row %C %Z %s"
set help = no
"""


class Mutt:
    """mutt as a person has it: a screen to look at, keys to press."""

    def __init__(self, place: Place, address: str, home: Path) -> None:
        path = home / "muttrc"
        url = f"imap://{place.host}:{place.imap}/"
        path.write_text(CONFIGURATION.format(url=url, user=address, password=PASSWORD))
        mine, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.process = subprocess.Popen(
            [program("mutt"), "-n", "-F", str(path), "-f", f"{url}INBOX"],
            stdin=its,
            stdout=its,
            stderr=its,
            cwd=home,
            env={"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "vt100", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        os.close(its)
        self.terminal = mine
        self.drawn = ""

    def sees(self, *texts: str) -> None:
        """Waits until all the texts have been drawn since the last key."""
        deadline = time.monotonic() + PATIENCE
        while not all(text in self.drawn for text in texts):
            ready, _, _ = select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"mutt never drew {texts}, but {self.drawn[-1500:]!r}"
            self.drawn += self._read()

    def press(self, keys: str) -> None:
        self.drawn = ""
        os.write(self.terminal, keys.encode())

    def ends(self) -> None:
        while self._read():
            pass
        assert self.process.wait(PATIENCE) == 0
        os.close(self.terminal)

    def _read(self) -> str:
        try:
            data = os.read(self.terminal, 65536)
        except OSError:  # how a terminal says that nobody writes to it any more
            return ""
        return re.sub(r"\x1b[\[(][0-9;?]*[a-zA-Z]", "", data.decode(errors="replace"))


def letters(count: int) -> list[bytes]:
    return [
        b"Subject: letter %d\r\nFrom: a@example.test\r\n\r\nbody of %d\r\n" % (number, number)
        for number in range(1, count + 1)
    ]


def test_lists_and_reads(place: Place, tmp_path: Path) -> None:
    address = place.account()
    fill(place, address, letters(5))
    mutt = Mutt(place, address, tmp_path)
    mutt.sees(*(f"letter {number}" for number in range(1, 6)))
    mutt.press("2\n\n")
    mutt.sees("body of 2")
    mutt.press("q")
    mutt.sees("letter 3")
    mutt.press("q")
    mutt.ends()
    with place.client(address) as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search("SEEN") == [2]


def test_flags_copies_and_deletes(place: Place, tmp_path: Path) -> None:
    address = place.account()
    fill(place, address, letters(4))
    with place.client(address) as client:
        client.create_folder("Kept")
    mutt = Mutt(place, address, tmp_path)
    mutt.sees("letter 4")
    mutt.press("1\nF")
    mutt.sees("!")
    mutt.press("4\nC=Kept\n")
    mutt.sees("Kept")
    mutt.press("3\nd")
    mutt.sees("D")
    mutt.press("q")
    mutt.ends()
    with place.client(address) as client:
        client.select_folder("INBOX", readonly=True)
        assert client.search() == [1, 2, 4]
        assert client.search("FLAGGED") == [1]
        client.select_folder("Kept", readonly=True)
        assert len(client.search(["SUBJECT", "letter 4"])) == 1
