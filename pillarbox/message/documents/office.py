"""Word, Excel and PowerPoint since 2007 (ECMA-376): what the main parts of the package say."""

import re
from collections.abc import Iterator

from pillarbox.message.documents.packed import Attributes, Packed, nothing, space_at, xml_text

_NUMBER = re.compile(r"\d+")
_DOCX = re.compile(r"word/(?:document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml")
_PPTX = re.compile(r"ppt/(?:slides/slide|notesSlides/notesSlide|comments/\w*?)\d*\.xml")
_SHEET = re.compile(r"xl/(?:worksheets/sheet|comments)\d*\.xml")

_TEXT = frozenset("t")


def _in_order(packed: Packed, pattern: re.Pattern[str]) -> list[str]:
    """Names that match; slide10 after slide9."""
    found = [name for name in packed.names() if pattern.fullmatch(name)]
    return sorted(found, key=lambda name: [int(number) for number in _NUMBER.findall(name)[-1:]])


def docx(data: bytes) -> Iterator[str]:
    packed = Packed(data)
    for name in sorted(_in_order(packed, _DOCX), key=lambda name: not name.startswith("word/document")):
        yield from xml_text(packed.read(name), space_at("tab", "br", "cr"), space_at("p", "tc"), _TEXT)
        yield " "


def pptx(data: bytes) -> Iterator[str]:
    packed = Packed(data)
    for name in _in_order(packed, _PPTX):
        yield from xml_text(
            packed.read(name), space_at("br"), space_at("p", "text"), frozenset(("t", "text"))
        )
        yield " "


def xlsx(data: bytes) -> Iterator[str]:
    packed = Packed(data)
    yield from xml_text(packed.read("xl/workbook.xml"), _sheet_name, nothing, frozenset())
    yield from xml_text(packed.read("xl/sharedStrings.xml"), nothing, space_at("si"), _TEXT)
    for name in _in_order(packed, _SHEET):
        yield from _cells(packed, name)
        yield " "


def _sheet_name(name: str, attributes: Attributes) -> str:
    return attributes.get("name", "") + " " if name == "sheet" else ""


def _cells(packed: Packed, name: str) -> Iterator[str]:
    """What cells hold themselves: text, and numbers as they are stored. A shared string is only a number
    here; it is marked, and taken out again."""
    shared = False

    def started(element: str, attributes: Attributes) -> str:
        nonlocal shared
        if element == "c":
            shared = attributes.get("t") == "s"
        return "\0" if element == "v" and shared else ""

    def ended(element: str, attributes: Attributes) -> str:
        if element == "v":
            return "\0 " if shared else " "
        return " " if element in ("is", "comment") else ""

    pieces = xml_text(packed.read(name), started, ended, frozenset(("v", "t")))
    hidden = False
    for piece in pieces:
        texts = piece.split("\0")
        yield "".join(texts[1 if hidden else 0 :: 2])
        hidden ^= len(texts) % 2 == 0
