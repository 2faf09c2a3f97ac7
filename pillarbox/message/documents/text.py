"""The text of a document of any kind that is known."""

from collections.abc import Iterator

from pillarbox.message.documents import epub, odf, office, pdf, rtf
from pillarbox.message.limits import MAX_DOCUMENT_TEXT

_READERS = {
    "pdf": pdf.pieces,
    "rtf": rtf.pieces,
    "docx": office.docx,
    "xlsx": office.xlsx,
    "pptx": office.pptx,
    "odf": odf.pieces,
    "epub": epub.pieces,
}


class OutOfTime(BaseException):
    """Raised from outside, at any moment: what has been read so far will do."""


def text_of(kind: str, data: bytes) -> str:
    """The text of a document of a kind that `kinds.kind_of` names."""
    reader = _READERS.get(kind)
    out: list[str] = []
    if reader is not None:
        _collect(reader(data), out)
    return "".join(out)[:MAX_DOCUMENT_TEXT]


def _collect(pieces: Iterator[str], out: list[str]) -> None:
    room = MAX_DOCUMENT_TEXT
    try:
        for piece in pieces:
            out.append(piece)
            room -= len(piece)
            if room <= 0:
                return
    except (Exception, OutOfTime):
        # Any exception: libraries raise whatever comes to them from broken files, and too deep ones.
        return
