"""Two-way synchronisation with a Maildir, as mbsync and offlineimap do it: one story for both.

Down; then flags, deletions and additions on both sides; then both sides are the same, and two further
runs change nothing on either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from imapclient import IMAPClient

from tests.places import Place

Flags = frozenset[bytes]
# RFC 9051 2.3.2 beside the letters of Maildir file names.
LETTERS = {b"\\Answered": "R", b"\\Draft": "D", b"\\Flagged": "F", b"\\Seen": "S"}


def identity(number: int) -> bytes:
    """A header of our own by which a message is known again on both sides."""
    return b"X-Sync: %06d\r\n" % number


def story(place: Place, address: str, letters: list[bytes], inbox: Path, sync: Callable[[], None]) -> None:
    count = len(letters)
    with place.client(address) as client:
        for start in range(0, count, 50):
            client.multiappend(
                "INBOX", [identity(start + at) + one for at, one in enumerate(letters[start : start + 50])]
            )
    sync()
    assert len(files(inbox)) == count
    assert local(inbox) == remote(place, address)

    with place.client(address) as client:
        client.select_folder("INBOX")
        uids = client.search()
        client.add_flags(uids[0:10], [b"\\Seen"])
        client.add_flags(uids[10:20], [b"\\Flagged", b"\\Answered"])
        client.delete_messages(uids[20:25])
        client.expunge()
        client.append("INBOX", identity(count) + b"Subject: from the server\r\n\r\nhello\r\n")
    here = sorted(files(inbox), key=_number)
    for path in here[30:40]:
        _flag(path, "S")
    for path in here[40:45]:
        path.unlink()
    letter = identity(count + 1) + b"Subject: from the client\r\n\r\nhello\r\n"
    (inbox / "new" / "1700000000.1_1.here").write_bytes(letter.replace(b"\r\n", b"\n"))
    sync()
    expected = Counter(
        number for number in range(count + 2) if number not in {*range(20, 25), *range(40, 45)}
    )
    assert Counter(number for number, _ in remote(place, address)) == expected
    assert local(inbox) == remote(place, address)
    flags = dict(remote(place, address))
    assert all(flags[number] == {b"\\Seen"} for number in [*range(0, 10), *range(30, 40)])
    assert all(flags[number] == {b"\\Flagged", b"\\Answered"} for number in range(10, 20))

    for _ in range(2):
        before = (sorted(path.name for path in files(inbox)), state(place, address))
        sync()
        assert (sorted(path.name for path in files(inbox)), state(place, address)) == before


def files(inbox: Path) -> list[Path]:
    return [path for name in ("cur", "new") for path in (inbox / name).iterdir() if path.is_file()]


def local(inbox: Path) -> list[tuple[int, Flags]]:
    """What the Maildir holds: our number and the flags of each message."""
    out = []
    for path in files(inbox):
        letters = path.name.rpartition(":2,")[2] if ":2," in path.name else ""
        flags = frozenset(flag for flag, letter in LETTERS.items() if letter in letters)
        out.append((_number(path), flags))
    return sorted(out)


def remote(place: Place, address: str) -> list[tuple[int, Flags]]:
    """What the server holds: our number and the flags of each message."""
    with place.client(address) as client:
        client.select_folder("INBOX", readonly=True)
        found = _fetch(client, ["FLAGS", "BODY.PEEK[HEADER.FIELDS (X-SYNC)]"])
    return sorted(
        (
            int(data[b"BODY[HEADER.FIELDS (X-SYNC)]"].split()[1]),
            frozenset(flag for flag in data[b"FLAGS"] if flag in LETTERS),
        )
        for data in found.values()
    )


def state(place: Place, address: str) -> object:
    """Everything a run that changes nothing leaves alone."""
    with place.client(address) as client:
        client.select_folder("INBOX", readonly=True)
        found = _fetch(client, ["FLAGS"])
        return {uid: set(data[b"FLAGS"]) - {b"\\Recent"} for uid, data in found.items()}


def _fetch(client: IMAPClient, items: list[str]) -> dict[int, dict[bytes, bytes]]:
    found: dict[int, dict[bytes, bytes]] = client.fetch("1:*", items)
    return found


def _number(path: Path) -> int:
    with path.open("rb") as file:
        for line in file:
            if line.lower().startswith(b"x-sync:"):
                return int(line.split()[1])
    raise AssertionError(f"{path} has lost its X-Sync field")


def _flag(path: Path, letter: str) -> None:
    name, _, letters = path.name.partition(":2,")
    path.rename(path.parent.parent / "cur" / f"{name}:2,{''.join(sorted({*letters, letter}))}")
