"""Electronic books (EPUB): their pages, which are XHTML, in the order of the archive."""

from collections.abc import Iterator

from pillarbox.message import html
from pillarbox.message.decode import guess
from pillarbox.message.documents.packed import Packed


def pieces(data: bytes) -> Iterator[str]:
    packed = Packed(data)
    for name in packed.names():
        if name.lower().endswith((".xhtml", ".html", ".htm")):
            yield html.text(guess(b"".join(packed.read(name)))) + " "
