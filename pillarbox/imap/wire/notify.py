"""NOTIFY (RFC 5465): which events of which mailboxes the client wants to hear of.

An event that the grammar allows and nobody here knows is no syntax error: it is answered NO with the list
of those that are known (RFC 5465 3.1).
"""

from dataclasses import dataclass
from enum import Enum

from pillarbox.imap.wire.fetch import FetchItems, parse_items
from pillarbox.imap.wire.limits import NOTIFY_EVENTS, NOTIFY_GROUPS, NOTIFY_MAILBOXES
from pillarbox.imap.wire.reader import Reader
from pillarbox.model.errors import PeerSyntax


class Filter(Enum):
    """filter-mailboxes (RFC 5465 6)."""

    SELECTED = "SELECTED"
    SELECTED_DELAYED = "SELECTED-DELAYED"
    INBOXES = "INBOXES"
    PERSONAL = "PERSONAL"
    SUBSCRIBED = "SUBSCRIBED"
    SUBTREE = "SUBTREE"
    MAILBOXES = "MAILBOXES"


class Event(Enum):
    """The events that are supported, as RFC 5465 5 spells them."""

    MESSAGE_NEW = "MessageNew"
    MESSAGE_EXPUNGE = "MessageExpunge"
    FLAG_CHANGE = "FlagChange"
    MAILBOX_NAME = "MailboxName"
    SUBSCRIPTION_CHANGE = "SubscriptionChange"


MESSAGE_EVENTS = frozenset((Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE, Event.FLAG_CHANGE))

_SELECTED = (Filter.SELECTED, Filter.SELECTED_DELAYED)
_NAMED = (Filter.SUBTREE, Filter.MAILBOXES)
_EVENTS = {event.value.upper(): event for event in Event}
# Events of the grammar that need extensions; unlike those that nobody has heard of, they have a place.
_ANNOTATION = "ANNOTATIONCHANGE"
_NOT_OF_MESSAGES = ("MAILBOXMETADATACHANGE", "SERVERMETADATACHANGE")


@dataclass(frozen=True, slots=True)
class EventGroup:
    """`events` is empty for NONE; `mailboxes` has names where the filter takes some; `items` is what is to
    be told of new messages."""

    filter: Filter
    events: frozenset[Event]
    mailboxes: tuple[str, ...] = ()
    items: FetchItems | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    """`groups` is None for NOTIFY NONE. `unsupported`: events asked for that are not known here."""

    groups: tuple[EventGroup, ...] | None
    status: bool = False
    unsupported: tuple[str, ...] = ()


def parse_notify(reader: Reader) -> Notify:
    """notify = "NOTIFY" SP ("SET" [SP "STATUS"] SP event-groups / "NONE")"""
    reader.space()
    word = reader.word("SET or NONE")
    if word == "NONE":
        return Notify(None)
    if word != "SET":
        reader.fail("SET or NONE")
    status = reader.maybe_token(b" STATUS")
    groups: list[EventGroup] = []
    unsupported: list[str] = []
    while reader.maybe(b" ") or not groups:
        if len(groups) == NOTIFY_GROUPS:
            raise PeerSyntax(f"More than {NOTIFY_GROUPS} groups of events in one NOTIFY")
        groups.append(_group(reader, unsupported))
    if sum(group.filter in _SELECTED for group in groups) > 1:
        raise PeerSyntax("SELECTED or SELECTED-DELAYED, and once")  # RFC 5465 6.1
    return Notify(tuple(groups), status, tuple(unsupported))


def _group(reader: Reader, unsupported: list[str]) -> EventGroup:
    """event-group = "(" filter-mailboxes SP events ")" """
    reader.expect(b"(")
    word = reader.word("Which mailboxes")
    try:
        which = Filter(word)
    except ValueError:
        raise PeerSyntax(f"NOTIFY knows no mailboxes called {word[:40]}") from None
    names: tuple[str, ...] = ()
    if which in _NAMED:
        reader.space()
        if reader.peek() == b"(":
            names = tuple(reader.listed(reader.mailbox, NOTIFY_MAILBOXES, "mailboxes"))
        else:
            names = (reader.mailbox(),)
    reader.space()
    found: dict[str, FetchItems | None] = {}
    if not reader.maybe_token(b"NONE"):
        reader.listed(lambda: _event(reader, found), NOTIFY_EVENTS, "events")
    reader.expect(b")")
    _check(found, which)
    unsupported += [name for name in found if name not in _EVENTS]
    events = frozenset(_EVENTS[name] for name in found if name in _EVENTS)
    return EventGroup(which, events, names, found.get("MESSAGENEW"))


def _event(reader: Reader, found: dict[str, FetchItems | None]) -> None:
    """event = ("MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"]) / other events"""
    name = reader.word("An event")
    items = None
    if name == "MESSAGENEW" and reader.rest().startswith(b" ("):
        reader.space()
        items = parse_items(reader)
    found[name] = found.get(name) or items


def _check(found: dict[str, FetchItems | None], which: Filter) -> None:
    new, expunge = "MESSAGENEW" in found, "MESSAGEEXPUNGE" in found
    if new is not expunge:
        raise PeerSyntax("MessageNew and MessageExpunge belong together")  # RFC 5465 5
    if not new and ("FLAGCHANGE" in found or _ANNOTATION in found):
        raise PeerSyntax("FlagChange and AnnotationChange need MessageNew and MessageExpunge beside them")
    if which in _SELECTED:
        strange = {event.value.upper() for event in set(Event) - MESSAGE_EVENTS} | {*_NOT_OF_MESSAGES}
        if strange & found.keys():
            raise PeerSyntax(f"Only events of messages belong to {which.value}")  # RFC 5465 6.1
    elif found.get("MESSAGENEW") is not None:
        raise PeerSyntax("FETCH items belong to the selected mailbox")  # RFC 5465 8 (message-event)
