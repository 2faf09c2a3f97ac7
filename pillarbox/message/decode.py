"""From bytes to octets and text: transfer encodings, charsets, encoded words. Lenient throughout.

Charset names come from strangers: only those in our own table ever reach `codecs`, which imports
modules by name and remembers every miss.
"""

import binascii
import re
from encodings.aliases import aliases
from functools import lru_cache

_CODECS = frozenset(
    """ascii utf_8 utf_7 utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le latin_1 iso8859_2 iso8859_3
    iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 iso8859_10 iso8859_11 iso8859_13 iso8859_14
    iso8859_15 iso8859_16 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp437 cp850 cp852
    cp855 cp858 cp862 cp864 cp865 cp866 cp869 cp874 cp932 cp949 cp950 koi8_r koi8_u kz1048 ptcp154
    mac_cyrillic mac_greek mac_iceland mac_latin2 mac_roman mac_turkish gb2312 gbk gb18030 hz big5 big5hkscs
    euc_jp euc_jis_2004 euc_jisx0213 shift_jis shift_jis_2004 iso2022_jp iso2022_jp_1 iso2022_jp_2
    iso2022_jp_3 iso2022_jp_ext iso2022_kr euc_kr johab tis_620""".split()  # noqa: SIM905
)
# What is sent under these names is in truth their superset.
_WIDER = {
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
# Under all other names octets below 128 are ASCII, whatever stands around them.
_NOT_ASCII = frozenset(
    """utf_7 utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le hz iso2022_jp iso2022_jp_1 iso2022_jp_2
    iso2022_jp_3 iso2022_jp_ext iso2022_kr shift_jis_2004 cp864""".split()  # noqa: SIM905
)
_NOT_ALNUM = re.compile("[^a-z0-9]+")


def _plain_name(charset: str) -> str:
    return _NOT_ALNUM.sub("", charset.lower())


_BY_NAME = {_plain_name(alias): codec for alias, codec in aliases.items() if codec in _CODECS}
_BY_NAME.update({_plain_name(codec): codec for codec in _CODECS})
_BY_NAME.update({"iso88598i": "iso8859_8", "iso88598e": "iso8859_8", "windows874": "cp874", "xsjis": "cp932"})
_BY_NAME = {name: _WIDER.get(codec, codec) for name, codec in _BY_NAME.items()}


class UnknownEncoding(Exception):
    """A Content-Transfer-Encoding nobody can undo (IMAP: NO [UNKNOWN-CTE])."""


def known_charset(charset: str) -> str | None:
    """Python's codec for a charset name, or None."""
    return _codec(charset[:64])


@lru_cache(maxsize=256)
def _codec(charset: str) -> str | None:
    return _BY_NAME.get(_plain_name(charset))


def has_ascii(charset: str) -> bool:
    """Whether `charset_decode` leaves ASCII as it is."""
    return known_charset(charset) not in _NOT_ASCII


def guess(data: bytes) -> str:
    """8-bit text nobody labelled: UTF-8 when it can be, else the most usual single-byte charset."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def charset_decode(data: bytes, charset: str) -> str:
    """The text, with U+FFFD for what cannot be read. Unknown names and a wrong US-ASCII are guessed."""
    codec = known_charset(charset)
    if codec is None or codec == "ascii":
        return guess(data)
    try:
        text = data.decode(codec, "replace")
    except (UnicodeError, ValueError):  # a UTF-7 or ISO-2022 state error is raised in spite of "replace"
        return guess(data)
    if codec == "utf_7":  # it lets half surrogate pairs through, which are no text
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_PADDING = re.compile(rb"=+")
_SPACED_ENDS = (b" \r\n", b" \n", b"\t\r\n", b"\t\n")


def transfer_decode(data: bytes, encoding: str) -> bytes:
    """The octets behind a Content-Transfer-Encoding (RFC 2045 6)."""
    encoding = encoding.lower()
    if encoding in ("7bit", "8bit", "binary", ""):
        return data
    if encoding == "base64":
        return _base64(data)
    if encoding == "quoted-printable":
        # RFC 2045 6.7 (3): white space at a line's end was added on the way.
        if any(end in data for end in _SPACED_ENDS) or data.endswith((b" ", b"\t")):
            data = _without_spaces_at_ends(data)
        return binascii.a2b_qp(data)
    if encoding in ("x-uuencode", "uuencode", "x-uue"):
        return _uuencode(data)
    raise UnknownEncoding(encoding)


def _without_spaces_at_ends(data: bytes) -> bytes:
    """Of lines. A CR that no LF follows ends none."""
    *lines, last = data.split(b"\n")
    lines = [
        line[:-1].rstrip(b" \t") + b"\r" if line.endswith(b"\r") else line.rstrip(b" \t") for line in lines
    ]
    return b"\n".join((*lines, last.rstrip(b" \t")))


def _base64(data: bytes) -> bytes:
    """RFC 2045 6.8: what is not of the alphabet is skipped. Padding in the middle (pieces joined by
    gateways) ends a piece, and a lost tail costs only itself."""
    out: list[bytes] = []
    for piece in _PADDING.split(data.translate(None, _NOT_BASE64)):
        if len(piece) % 4 == 1:
            piece = piece[:-1]
        out.append(binascii.a2b_base64(piece + b"=" * (-len(piece) % 4)))
    return b"".join(out)


def _uuencode(data: bytes) -> bytes:
    out: list[bytes] = []
    inside = False
    for line in data.split(b"\n"):
        line = line.rstrip(b"\r")
        if not inside:
            inside = line.startswith(b"begin ")
        elif line == b"end":
            inside = False
        elif line:
            try:
                out.append(binascii.a2b_uu(line))
            except binascii.Error:  # a wrong length octet or trailing garbage: what the length says
                wanted = ((line[0] - 32) & 63) * 4 + 5
                try:
                    out.append(binascii.a2b_uu(line[: wanted // 3]))
                except binascii.Error:
                    continue
    return b"".join(out)


_WORD = re.compile(rb"=\?([^?\s*]++)(?:\*[^?\s]*+)?\?([bqBQ])\?([^?]*+)\?=")


def header_text(raw: bytes) -> str:
    """An unfolded field value as text: encoded words decoded (RFC 2047), other 8-bit guessed."""
    if b"=?" not in raw:
        return guess(raw)
    return "".join(
        [
            guess(octets) if charset is None else charset_decode(octets, charset)
            for octets, charset in header_octets(raw)
        ]
    )


def header_octets(raw: bytes) -> list[tuple[bytes, str | None]]:
    """An unfolded field value as octets, encoded words with their charset and what is between them without.

    Neighbouring words of one charset are one piece, because many senders split characters.
    """
    out: list[tuple[bytes, str | None]] = []
    pending: list[bytes] = []
    charset = ""
    end = 0
    for match in _WORD.finditer(raw):
        between = raw[end : match.start()]
        name, kind, payload = match.groups()
        word_charset = name.decode("latin-1").lower()
        # RFC 2047 6.2: white space between encoded words is not shown.
        if between and (not pending or between.strip(b" \t\r\n")):
            out += ((b"".join(pending), charset), (between, None))
            pending = []
        elif word_charset != charset:
            out.append((b"".join(pending), charset))
            pending = []
        charset = word_charset
        if kind in b"bB":
            pending.append(_base64(payload))
        else:
            pending.append(binascii.a2b_qp(payload, header=True))
        end = match.end()
    out += ((b"".join(pending), charset), (raw[end:], None))
    return [piece for piece in out if piece[0]]
