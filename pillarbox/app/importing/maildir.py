"""Maildir with its flags, its folders in Maildir++ spelling (`.Sent.2024`) or as nested folders, and the
keywords Dovecot keeps in `dovecot-keywords`."""

import os
from collections.abc import Iterator
from pathlib import Path

from pillarbox.app.importing.letter import Letter, file_pieces
from pillarbox.imap.wire import mailbox_name
from pillarbox.model.errors import PeerSyntax
from pillarbox.model.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, FlagSet, canonical

_FLAGS = {"S": SEEN, "R": ANSWERED, "F": FLAGGED, "D": DRAFT, "T": DELETED, "P": "$Forwarded"}


def is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() or (path / "new").is_dir()


def letters(root: Path) -> Iterator[Letter]:
    for folder in sorted([root, *(path for path in root.rglob("*") if path.is_dir())]):
        if is_maildir(folder):
            yield from _folder(folder, mailbox_path(folder.relative_to(root)))


def mailbox_path(relative: Path) -> str:
    """`.Sent.2024` and `Sent/2024` are both Sent/2024; '.' is ''."""
    levels: list[str] = []
    for part in relative.parts:
        names = part[1:].split(".") if part.startswith(".") else [part]
        levels += [_name(name) for name in names if name]
    return "/".join(levels)


def _folder(folder: Path, mailbox: str) -> Iterator[Letter]:
    keywords = _keywords(folder / "dovecot-keywords")
    files = [
        file for part in ("cur", "new") if (folder / part).is_dir() for file in (folder / part).iterdir()
    ]
    # The name begins with the time of delivery, so this is the order in which the messages arrived.
    for file in sorted(files, key=lambda file: (_arrival(file), file.name)):
        if file.is_file() and not file.name.startswith("."):
            flags = _flags(file.name, keywords) if file.parent.name == "cur" else ()
            written = int(file.stat().st_mtime)
            yield Letter(str(file), mailbox, flags, written, written, file_pieces(file))


def _arrival(file: Path) -> int:
    seconds = file.name.partition(".")[0]
    return int(seconds) if seconds.isascii() and seconds.isdigit() else 0


def _flags(name: str, keywords: dict[str, str]) -> FlagSet:
    _, _, letters = name.rpartition(":2,")
    if letters == name:
        return ()
    known = {**_FLAGS, **keywords}
    return canonical(known[letter] for letter in letters.partition(",")[0] if letter in known)


def _keywords(file: Path) -> dict[str, str]:
    """Lines `0 $Work`: the keyword behind the letter a, and so on."""
    if not file.is_file():
        return {}
    pairs = (line.partition(" ") for line in file.read_text("ascii", "replace").splitlines())
    return {
        chr(ord("a") + int(number)): name
        for number, _, name in pairs
        if number.isdigit() and int(number) < 26 and name and " " not in name
    }


def _name(name: str) -> str:
    """Maildir++ spells names as IMAP4rev1 does; what is no such spelling is taken as it is."""
    try:
        decoded = mailbox_name.decode(os.fsencode(name), utf8=False)
    except PeerSyntax:
        decoded = os.fsencode(name).decode("utf-8", "replace")
    return decoded
