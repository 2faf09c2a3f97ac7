"""The text of an HTML document, for searching and previews. Not a browser: one linear pass.

It is what a reader could see: the text between the tags, entities resolved, and what stands for images
(`alt`). Scripts, style sheets and comments are nothing, not even a space; what a style sheet hides is text
all the same. Tags that begin a new line or box part words, all others leave a word whole.
"""

import html
import re

# Each alternative takes all it looked at, also when its end is missing, so the pass stays linear. Quotes
# that hold a "<" were probably never closed.
_ATTRIBUTES = r"(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+'|[\"'])*+"
_MARKUP = re.compile(
    r"<!--(?:-?>|.*?--!?>|.*\Z)"
    rf"|<(?:script\b{_ATTRIBUTES}>?(?:.*?</script\b{_ATTRIBUTES}>?|.*\Z)"
    rf"|style\b{_ATTRIBUTES}>?(?:.*?</style\b{_ATTRIBUTES}>?|.*\Z))"
    rf"|<(img|area)\b({_ATTRIBUTES})>?"
    rf"|<[/!?]?([a-z][^\s<>\"'/]*+){_ATTRIBUTES}>?",
    re.DOTALL | re.IGNORECASE,
)
_AT_ONCE = 50_000  # tags: a list of them takes some ten times the memory of the document
_ALT = re.compile(r"(?<![^\s\"'/])alt\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++))", re.IGNORECASE)
_PARTING = frozenset(
    """address area article aside audio base blockquote body br button canvas caption center col colgroup dd
    details dialog dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6
    head header hgroup hr html iframe img input legend li link main map menu meta nav noframes noscript object
    ol optgroup option p param pre search section select summary table tbody td textarea tfoot th thead title
    tr ul video""".split()  # noqa: SIM905
)


class _Spaces(dict[str | None, str]):
    """What stands for a tag of that name; the common spellings are looked up at once."""

    def __missing__(self, name: str | None) -> str:
        return " " if name is not None and name.lower() in _PARTING else ""


_SPACE_OF = _Spaces({None: ""})
_SPACE_OF.update({tag: "" for name in ("a", "b", "font", "i", "span", "u") for tag in (name, name.upper())})
_SPACE_OF.update({tag: " " for name in _PARTING for tag in (name, name.upper())})


def text(source: str, *, alternatives: bool = False) -> str:
    """The text; with `alternatives` also the texts that images have beside them."""
    out: list[str] = []
    rest = source if "<" in source else ""
    while rest:
        pieces = _MARKUP.split(rest, _AT_ONCE)  # text, image, its attributes, other tag, text, ...
        rest = pieces.pop() if len(pieces) > 4 * _AT_ONCE else ""
        images = pieces[1::4]
        nothing = [""] * len(images)
        if any(images):
            pieces[1::4] = ["" if image is None else " " for image in images]
            if alternatives:
                pieces[2::4] = ["" if held is None else _alt(held) + " " for held in pieces[2::4]]
            else:
                pieces[2::4] = nothing
        else:
            pieces[1::4] = pieces[2::4] = nothing
        pieces[3::4] = [_SPACE_OF[name] for name in pieces[3::4]]
        out.append("".join(pieces))
    if out:
        source = "".join(out)
    return html.unescape(source) if "&" in source else source


def _alt(attributes: str) -> str:
    found = _ALT.search(attributes)
    return "" if found is None else found[1] or found[2] or found[3] or ""
