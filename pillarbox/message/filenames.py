"""The name of a part's file, as its reader would see it (RFC 2183 2.3; RFC 2231)."""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from pillarbox.message.content import Parameters, parameters
from pillarbox.message.decode import charset_decode, header_text


def file_names(fields: Mapping[bytes, bytes], declared: Parameters) -> tuple[str, ...]:
    """The different names that Content-Disposition and Content-Type (`declared`) give, the former first."""
    disposition = fields.get(b"content-disposition")
    names = [] if disposition is None else [value_of(parameters(disposition), b"filename")]
    if declared:
        names.append(value_of(declared, b"name"))
    return tuple(dict.fromkeys(filter(None, names)))


def value_of(pairs: Parameters, wanted: bytes) -> str:
    """The text of a parameter, "" when it is absent. The forms of RFC 2231 come before the plain one."""
    plain: bytes | None = None
    pieces: dict[int, tuple[bytes, bool]] = {}
    for key, value in pairs:
        name, star, rest = key.lower().partition(b"*")
        if name != wanted:
            continue
        if not star:
            plain = value if plain is None else plain
        elif not rest:
            pieces.setdefault(0, (value, True))  # RFC 2231 4: name*=charset'language'octets
        else:
            # RFC 2231 3 and 4.1: name*0*=, name*1=, ...
            number = rest.rstrip(b"*")
            if number.isdigit() and len(number) < 5:
                pieces.setdefault(int(number), (value, rest.endswith(b"*")))
    if 0 not in pieces:
        # RFC 2047 5 (3) has no encoded words here. Most of those who write names know nothing else.
        return header_text(plain or b"")
    charset = b""
    first, encoded = pieces[0]
    if encoded and first.count(b"'") >= 2:
        charset, _, first = first.split(b"'", 2)
    octets = [unquote_to_bytes(first) if encoded else first]
    while len(octets) in pieces:
        value, encoded = pieces[len(octets)]
        octets.append(unquote_to_bytes(value) if encoded else value)
    joined = b"".join(octets)
    # Some encode words within the pieces.
    return charset_decode(joined, charset.decode("latin-1")) if charset else header_text(joined)
