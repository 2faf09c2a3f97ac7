"""Which messages a command is about: numbers, UIDs or `$` as places in the view."""

from pillarbox.imap import view
from pillarbox.imap.view import Spans, View
from pillarbox.imap.wire.reader import Numbers
from pillarbox.model.search import Saved


def spans(shown: View, numbers: Numbers, *, uid: bool) -> Spans:
    if isinstance(numbers, Saved):
        return view.by_saved(shown)
    return view.by_uid(shown, numbers) if uid else view.by_number(shown, numbers)
