"""Which messages of a view match a search tree (RFC 9051 6.4.4).

The planner (`store.query`) finds them; here is what only a session knows: its message numbers, `$`, its
`\\Recent` and what its flag sets mean. Messages that are expunged and not yet announced match nothing
(RFC 2180 4.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pillarbox.imap import forests, view
from pillarbox.imap.progress import Progress
from pillarbox.imap.view import View
from pillarbox.model import masks, search
from pillarbox.model.flags import RECENT, FlagSet
from pillarbox.model.masks import Mask
from pillarbox.model.threading import Algorithm, Threads
from pillarbox.store.query.planner import Planner
from pillarbox.store.query.scope import Scope

if TYPE_CHECKING:
    from pillarbox.imap.session import Session


class Matcher:
    """One search of one session's view, which must be of the whole mailbox where there are keys about
    threads. `progress` counts messages, once for each key that reads some."""

    def __init__(
        self, session: Session, shown: View, meanings: dict[int, FlagSet], progress: Progress
    ) -> None:
        self._session = session
        self._view = shown
        self._meanings = meanings
        self._progress = progress
        self._count = shown.exists
        everything = masks.full(self._count)
        ghosts = view.ghosts(shown, [(0, self._count)])
        self.living: Mask = everything ^ masks.of_spans(ghosts, self._count)
        columns = shown.shown
        scope = Scope(
            session.account,
            session.actor,
            columns.mailbox,
            columns.uids,
            self._known,
            self._told,
            session.comparator.fold,
            self.living,
            self._threads,
        )
        self.planner = Planner(session.store, scope)

    async def among(self, key: search.Key, candidates: Mask) -> Mask:
        return await self.planner.find(key, candidates)

    async def relevancy(self, found: Mask) -> list[int]:
        """See `Planner.relevancy`."""
        return await self.planner.relevancy(found)

    async def _threads(self, algorithm: Algorithm) -> Threads:
        return await forests.relations(self._session, self._view, algorithm, self.living)

    def _told(self, messages: int) -> None:
        self._progress.done += messages

    def _known(self, key: search.Key) -> Mask | None:
        match key:
            case search.Flag():
                return self._flag(key.flag)
            case search.Sequence():
                return self._places(view.by_number_if_there(self._view, key.ranges))
            case search.Uid():
                return self._places(view.by_uid(self._view, key.ranges))
            case search.Saved():
                return self._places(view.by_saved(self._view))
            case search.Modseq():
                return masks.at_least(self._view.shown.modseqs, key.least)
        return None

    def _places(self, spans: view.Spans) -> Mask:
        return masks.of_spans(spans, self._count)

    def _flag(self, flag: str) -> Mask:
        shown = self._view
        if flag == RECENT:
            return self._places([(shown.first_recent, self._count)])
        folded = flag.lower()
        wanted = [
            number for number, flags in self._meanings.items() if any(one.lower() == folded for one in flags)
        ]
        return masks.of_flag_sets(shown.shown.flag_sets, wanted)
