"""Responses to bytes: `encode(response, kind)` finds the encoder of its family."""

from collections.abc import Callable
from typing import Any

from pillarbox.imap.wire import (
    authenticate,
    capability,
    comparator,
    esearch,
    expunge,
    response,
    search,
    select,
    uidbatches,
    urlauth,
)
from pillarbox.imap.wire import list as list_
from pillarbox.imap.wire.strings import Kind

Response = (
    response.StatusResponse
    | response.Continue
    | authenticate.Challenge
    | capability.Capabilities
    | capability.Enabled
    | capability.Namespaces
    | capability.ServerId
    | comparator.Comparing
    | select.Flags
    | select.Exists
    | select.Recent
    | list_.Listed
    | list_.MailboxStatus
    | search.Found
    | esearch.Esearch
    | esearch.Updated
    | expunge.Expunged
    | expunge.Vanished
    | uidbatches.Batches
    | urlauth.Authorized
)

ENCODERS: dict[type, Callable[[Any, Kind], bytes]] = {
    response.StatusResponse: response.encode_status,
    response.Continue: response.encode_continue,
    authenticate.Challenge: authenticate.encode_challenge,
    capability.Capabilities: capability.encode_capabilities,
    capability.Enabled: capability.encode_enabled,
    capability.Namespaces: capability.encode_namespaces,
    capability.ServerId: capability.encode_server_id,
    comparator.Comparing: comparator.encode_comparing,
    select.Flags: select.encode_flags,
    select.Exists: select.encode_exists,
    select.Recent: select.encode_recent,
    list_.Listed: list_.encode_listed,
    list_.MailboxStatus: list_.encode_mailbox_status,
    search.Found: search.encode_found,
    esearch.Esearch: esearch.encode_esearch,
    esearch.Updated: esearch.encode_updated,
    expunge.Expunged: expunge.encode_expunged,
    expunge.Vanished: expunge.encode_vanished,
    uidbatches.Batches: uidbatches.encode_batches,
    urlauth.Authorized: urlauth.encode_authorized,
}


def encode(response: Response, kind: Kind) -> bytes:
    """One response as its whole line or lines. FETCH is rendered by `fetch_plan`, from columns."""
    return ENCODERS[type(response)](response, kind)
