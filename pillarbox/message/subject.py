"""The base subject (RFC 5256 2.1): what SORT and THREAD compare.

ABNF of RFC 5256 5:
    subj-refwd   = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
    subj-blob    = "[" *BLOBCHAR "]" *WSP
    subj-leader  = (*subj-blob subj-refwd) / WSP
    subj-trailer = "(fwd)" / WSP
    subj-fwd     = "[fwd:" subject "]"
"""

import re

_BLOB = r"\[[^\[\]]*+\] *+"
_BLOBS = re.compile(rf"(?:{_BLOB})*+")
_REFWD = re.compile(rf"(?:re|fwd?) *+(?:{_BLOB})?:", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n]+")
_FWD_TRAILER, _FWD_HEADER = "(fwd)", "[fwd:"


def base_subject(text: str) -> tuple[str, bool]:
    """(base subject of a decoded Subject, whether something marked it as a reply or forward)."""
    if "  " in text or "\t" in text or "\n" in text or "\r" in text:
        text = _SPACES.sub(" ", text)
    start, end, marked = 0, len(text), False
    while True:
        end, forwarded = _before_trailers(text, start, end)
        start, answered = _after_leaders(text, start, end)
        marked |= forwarded | answered
        if not (text.startswith("]", end - 1, end) and text[start : start + 5].lower() == _FWD_HEADER):
            return text[start:end], marked
        start, end, marked = start + 5, end - 1, True  # step 6


def _before_trailers(text: str, start: int, end: int) -> tuple[int, bool]:
    """Step 2."""
    found = False
    while end > start:
        if text[end - 1] == " ":
            end -= 1
        elif end - start >= 5 and text[end - 5 : end].lower() == _FWD_TRAILER:
            end -= 5
            found = True
        else:
            break
    return end, found


def _after_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Steps 3 to 5. A row of blobs goes when a refwd follows it, and else as far as something stays."""
    found = False
    while start < end:
        if text[start] == " ":
            start += 1
            continue
        blobs = _BLOBS.match(text, start, end)
        after = blobs.end() if blobs else start
        refwd = _REFWD.match(text, after, end)
        if refwd is not None:
            start, found = refwd.end(), True
        elif after < end:
            return after, found
        else:
            return text.rindex("[", start, end), found  # the last blob is the base
    return start, found
