"""What kind of files a path holds, and all the letters in them."""

from collections.abc import Iterator
from pathlib import Path

from pillarbox.app.importing import maildir, mbox
from pillarbox.app.importing.letter import Letter, file_pieces
from pillarbox.model.errors import Refused


def letters(path: Path) -> Iterator[Letter]:
    """Every message below `path`, whichever way it is kept there."""
    if not path.exists():
        raise Refused(f"{path} does not exist")
    if path.is_file():
        yield from mbox.letters(path) if mbox.is_mbox(path) else _file(path, path.parent)
    elif maildir.is_maildir(path) or any(maildir.is_maildir(child) for child in path.iterdir()):
        yield from maildir.letters(path)
    else:
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in (".eml", ".mbox"))
        if not files:
            raise Refused(f"{path} holds no mail: it is no Maildir and has no .eml or .mbox files")
        for file in files:
            if file.suffix.lower() == ".mbox":
                yield from mbox.letters(file, _mailbox(file.with_suffix(""), path))
            else:
                yield from _file(file, path)


def octets(path: Path) -> int:
    """How much there is to read, for a progress bar."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _file(file: Path, root: Path) -> Iterator[Letter]:
    """A message in a file of its own: its arrival is not known, only when the file was written."""
    yield Letter(
        str(file), _mailbox(file.parent, root), (), None, int(file.stat().st_mtime), file_pieces(file)
    )


def _mailbox(path: Path, root: Path) -> str:
    relative = path.relative_to(root)
    return maildir.mailbox_path(relative)
