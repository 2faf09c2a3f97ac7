"""The charsets that SEARCH, SORT and THREAD know, by the names mail uses for them (IANA's registry).

Python knows more codecs, but some of those are no charsets (rot13) or can be made to explode (punycode).
"""

from pillarbox.model.errors import Code, Refused

_CODECS = {"US-ASCII": "ascii"}
_SAME_NAME = (
    "UTF-8 UTF-16 UTF-16BE UTF-16LE KOI8-R KOI8-U TIS-620 GB2312 GBK GB18030 BIG5 BIG5-HKSCS EUC-KR EUC-JP "
    "SHIFT_JIS ISO-2022-JP ISO-2022-JP-1 ISO-2022-JP-2 ISO-2022-KR"
)
_CODECS.update((name, name) for name in _SAME_NAME.split())
_CODECS.update((f"ISO-8859-{part}", f"iso8859-{part}") for part in range(1, 17) if part != 12)
_CODECS.update((f"WINDOWS-{page}", f"cp{page}") for page in range(1250, 1259))

_CODECS["KS_C_5601-1987"] = "euc-kr"
NAMES = tuple(_CODECS)
_CODECS.update({"ASCII": "ascii", "UTF8": "utf-8"})  # misspelled


def codec_of(charset: str) -> str:
    """The codec for a charset name in capitals. RFC 9051 6.4.4: an unknown one is answered NO, not BAD."""
    codec = _CODECS.get(charset)
    if codec is None:
        raise Refused("SEARCH does not know this charset", Code.BADCHARSET)
    return codec
