"""The text of an HTML document, for searching and previews. Not a browser: one linear pass."""

import html
import re
from collections.abc import Iterator

# Each alternative takes all it looked at, also when its end is missing, so the pass stays linear.
_MARKUP = re.compile(
    r"<!--(?:.*?-->|.*\Z)"
    r"|<(?P<skipped>script|style)\b[^<>]*+>?(?:.*?</(?P=skipped)[^<>]*+>?|.*\Z)"
    r"|<[/!?]?(?P<tag>[a-z][a-z0-9]*+)(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+'|[\"'])*+>?",
    re.DOTALL | re.IGNORECASE,
)
# Tags inside a word leave it one word; all others part words.
_INLINE = frozenset(
    """a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr o q s samp small span
    strike strong sub sup time tt u var wbr""".split()  # noqa: SIM905
)


def pieces(source: str) -> Iterator[str]:
    """The text between the markup, in order, entities resolved."""
    end = 0
    for match in _MARKUP.finditer(source):
        start = match.start()
        if start > end:
            text = source[end:start]
            yield html.unescape(text) if "&" in text else text
        tag = match["tag"]
        if tag is None or tag.lower() not in _INLINE:
            yield " "
        end = match.end()
    if end < len(source):
        yield html.unescape(source[end:])


def text(source: str) -> str:
    return "".join(pieces(source))
