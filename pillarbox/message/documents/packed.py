"""Zip archives of XML, as the office formats are: read in pieces, and no more of them than is reasonable."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from xml.parsers import expat

from pillarbox.message.limits import MAX_UNPACKED

_PIECE = 1 << 16

Attributes = dict[str, str]
# What the start of an element, by its name without namespace, adds to the text; and its end.
Started = Callable[[str, Attributes], str]


class Packed:
    """An archive. `left`: octets that may still be unpacked of it, all its members together."""

    def __init__(self, data: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self.left = MAX_UNPACKED

    def names(self) -> list[str]:
        return self._archive.namelist()

    def read(self, name: str) -> Iterator[bytes]:
        """A member in pieces; nothing of one that is not there, is encrypted or packed in an odd way."""
        try:
            info = self._archive.getinfo(name)
        except KeyError:
            return
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return
        with self._archive.open(info) as member:
            while self.left > 0 and (piece := member.read(min(_PIECE, self.left))):
                self.left -= len(piece)
                yield piece


def xml_text(
    pieces: Iterable[bytes], started: Started, ended: Started, wanted: frozenset[str]
) -> Iterator[str]:
    """The character data inside elements that `wanted` names ("*": all), with what `started` and `ended` add.

    Documents that declare entities are not read: they could grow without end.
    """
    out: list[str] = []
    inside = 1 if "*" in wanted else 0
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, attributes: Attributes) -> None:
        nonlocal inside
        name = name.rpartition(":")[2]
        inside += name in wanted
        if added := started(name, attributes):
            out.append(added)

    def end(name: str) -> None:
        nonlocal inside
        name = name.rpartition(":")[2]
        inside -= name in wanted
        if added := ended(name, {}):
            out.append(added)

    def data(text: str) -> None:
        if inside:
            out.append(text)

    def entity(*declaration: object) -> None:
        raise ValueError("The document declares entities")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = data
    parser.EntityDeclHandler = entity
    for piece in pieces:
        parser.Parse(piece)
        yield "".join(out)
        out.clear()


def nothing(name: str, attributes: Attributes) -> str:
    return ""


def space_at(*names: str) -> Started:
    """Elements that part words."""
    parting = frozenset(names)
    return lambda name, attributes: " " if name in parting else ""
