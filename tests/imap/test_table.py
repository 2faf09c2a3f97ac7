"""The tables agree with each other and with what the RFCs say about EXPUNGE."""

import pytest

from pillarbox.imap.capability import ADVERTISED, ENABLEABLE, capabilities
from pillarbox.imap.table import TABLE, State


def test_every_advertised_capability_has_its_commands() -> None:
    for capability in ADVERTISED:
        for command in capability.commands:
            assert command in TABLE, (capability.name, command)
    assert set(ENABLEABLE.values()) <= {one.name for one in ADVERTISED}


def test_expunge_is_forbidden_in_exactly_the_commands_the_rfc_names() -> None:
    # RFC 9051 7.5.1, RFC 5256 3
    silent = {row.name for row in TABLE.values() if not row.expunge}
    assert silent == {"FETCH", "STORE", "SEARCH", "SORT", "THREAD"}


def test_message_numbers_are_used_only_where_a_mailbox_is_selected() -> None:
    for row in TABLE.values():
        if row.numbers or row.name.startswith("UID "):
            assert row.states == State.SELECTED, row.name


@pytest.mark.parametrize("tls", [False, True])
def test_before_login_only_what_a_stranger_needs(tls: bool) -> None:
    names = capabilities(logged_in=False, tls=tls, mechanisms=("PLAIN",) if tls else (), append_limit=10)
    assert ("STARTTLS" in names) is not tls  # RFC 9051 6.2.1: not offered again once it is on
    assert ("LOGINDISABLED" in names) is not tls
    assert ("AUTH=PLAIN" in names) is tls
    assert {"IMAP4rev1", "IMAP4rev2", "SASL-IR"} <= set(names)
    assert "APPENDLIMIT=10" not in names


def test_after_login_no_way_to_log_in_is_offered() -> None:
    names = capabilities(logged_in=True, tls=True, mechanisms=(), append_limit=10)
    assert not [name for name in names if name.startswith("AUTH=") or name == "STARTTLS"]
    assert "APPENDLIMIT=10" in names and len(set(names)) == len(names)
