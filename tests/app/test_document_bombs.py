"""Documents that are made to cost: none takes more than its share, and the next one is read."""

from __future__ import annotations

import resource
import time
import zlib
from collections.abc import Callable

import pytest

from pillarbox.app import documents
from tests.message.documents import made

FILE = "application/octet-stream"
MIB = 1 << 20


def swollen(mebibytes: int, octet: bytes) -> bytes:
    packer = zlib.compressobj(9)
    piece = octet * MIB
    return b"".join([packer.compress(piece) for _ in range(mebibytes)]) + packer.flush()


def pdf_of(
    content: bytes, filters: bytes = b"/FlateDecode", *, kids: bytes = b"4 0 R", count: int = 1
) -> bytes:
    """A PDF of one page, whose content is packed already."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, count),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
        b"<< /Length %d /Filter [%b] >>\nstream\n%b\nendstream" % (len(content), filters, content),
    )
    out, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = b"".join([b"%010d 00000 n \n" % place for place in places])
    end = b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + end


TEXT = zlib.compress(b"BT /F1 12 Tf 72 720 Td (seen) Tj ET")
BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "pdf that unpacks to an eighth of a gibibyte": ("pdf", lambda: pdf_of(swollen(128, b" "))),
    "pdf of nothing but operators": ("pdf", lambda: pdf_of(zlib.compress(b"(x) Tj " * 3_000_000))),
    "pdf packed twice": (
        "pdf",
        lambda: pdf_of(zlib.compress(swollen(256, b"\0"), 9), b"/FlateDecode /FlateDecode"),
    ),
    "pdf whose pages contain each other": ("pdf", lambda: pdf_of(TEXT, kids=b"2 0 R 2 0 R 4 0 R", count=3)),
    "pdf that claims a thousand million pages": ("pdf", lambda: pdf_of(TEXT, count=10**9)),
    "pdf that has one page a hundred thousand times": (
        "pdf",
        lambda: pdf_of(TEXT, kids=b"4 0 R " * 100_000, count=100_000),
    ),
    "docx that unpacks to twice the limit": (
        "docx",
        lambda: made.zipped({"word/document.xml": b"<w:document xmlns:w='w'><w:t>" + b" " * (128 * MIB)}),
    ),
    "xlsx of ten thousand sheets": (
        "xlsx",
        lambda: made.zipped(
            {f"xl/worksheets/sheet{number}.xml": "<c><v>1</v></c>" * 500 for number in range(10_000)}
        ),
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_it_takes_its_share_and_no_more(bomb: str) -> None:
    kind, make = BOMBS[bomb]
    data = make()
    assert len(data) < 30 * MIB
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    with documents.reading() as reader:
        assert isinstance(reader.text_of(FILE, f"x.{kind}", data), str)
        assert time.monotonic() - started < documents.WALL
        # Whatever became of the process: it does not tell what is in the next document.
        after = reader.text_of(FILE, "x.pdf", made.pdf("Hello")) or reader.text_of(
            "", "x.pdf", made.pdf("Hello")
        )
        assert "Hello" in after
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.ru_utime - spent.ru_utime < 2 * documents.CPU + 3
