"""OpenDocument text, sheets and slides (ISO/IEC 26300): all there is in the body of `content.xml`."""

from collections.abc import Iterator

from pillarbox.message.documents.packed import Packed, space_at, xml_text


def pieces(data: bytes) -> Iterator[str]:
    yield from xml_text(
        Packed(data).read("content.xml"),
        space_at("s", "tab", "line-break", "p", "h"),
        space_at("p", "h", "table-cell", "note"),
        frozenset(("body",)),
    )
