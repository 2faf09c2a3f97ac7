"""PDF, by way of pypdf (the extra `pillarbox[documents]`). Without it no PDF has a text."""

import io
import logging
from collections.abc import Iterator

try:
    import pypdf
except ImportError:
    pypdf = None  # type: ignore[assignment]

from pillarbox.message.limits import MAX_PAGES


def pieces(data: bytes) -> Iterator[str]:
    if pypdf is None:
        return
    logging.getLogger("pypdf").disabled = True  # it tells of each oddity of each file
    document = pypdf.PdfReader(io.BytesIO(data))
    if document.is_encrypted and not document.decrypt(""):
        return  # a password is asked for
    for number in range(min(len(document.pages), MAX_PAGES)):
        try:
            yield document.pages[number].extract_text() + " "
        except Exception:  # a broken page is no reason to miss the others
            continue
