"""A header as signatures see it: each field's octets, in order, folds and all."""

from collections.abc import Iterator
from dataclasses import dataclass

FIELD_LIMIT = 5000  # fields of one header; a header of the size that is kept could have many more


@dataclass(frozen=True, slots=True)
class Field:
    """`name` in lower case; `raw` is all of it, with its last CRLF."""

    name: bytes
    raw: bytes

    @property
    def value(self) -> bytes:
        return self.raw.partition(b":")[2]


def split(header: bytes) -> tuple[Field, ...]:
    """The fields of a header with CRLF line ends. Left out is what is no field."""
    return tuple(_each(header))


def _each(header: bytes) -> Iterator[Field]:
    lines: list[bytes] = []
    count = 0
    for line in header.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and lines:
            lines.append(line)
            continue
        if lines:
            yield _field(lines)
            count += 1
        lines = []
        if not line or count == FIELD_LIMIT:
            return
        if b":" in line:
            lines = [line]
    if lines:
        yield _field(lines)


def _field(lines: list[bytes]) -> Field:
    raw = b"\r\n".join(lines) + b"\r\n"
    return Field(raw.partition(b":")[0].rstrip(b" \t").lower(), raw)
