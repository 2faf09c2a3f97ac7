"""ENVELOPE and BODYSTRUCTURE of the real messages, beside Dovecot's, as a client understands them.

What differs is listed by its reason; a difference without one is a failure when it is more than the
design allows: two in a hundred.
"""

from __future__ import annotations

from imapclient import IMAPClient

from pillarbox.testing.server import MailServer
from tests import corpus
from tests.corpora.client import Client
from tests.corpora.test_round_trip import appended
from tests.oracle import PASSWORD, Dovecot

ALLOWED = 0.02


def described(host: str, port: int, user: str, messages: list[bytes]) -> dict[int, dict[bytes, object]]:
    with Client(host, port, user) as client:
        appended(client, messages)
    with IMAPClient(host, port, ssl=False, timeout=60) as client:
        client.login(user, PASSWORD)
        client.select_folder("INBOX", readonly=True)
        out: dict[int, dict[bytes, object]] = {}
        for start in range(1, len(messages) + 1, 500):
            out |= client.fetch(f"{start}:{min(start + 499, len(messages))}", ["ENVELOPE", "BODYSTRUCTURE"])
    return out


def folded(value: object) -> object:
    """Without what may be spelled either way: the case of types and parameters, runs of white space,
    and the address strings' empty display names."""
    if isinstance(value, bytes):
        return b" ".join(value.lower().split())
    if isinstance(value, (list, tuple)):
        return [folded(each) for each in value]
    return value


def test_dovecot_describes_real_messages_alike(server: MailServer, address: str, dovecot: Dovecot) -> None:
    messages = corpus.real()
    ours = described(server.host, server.imap_port, address, messages)
    theirs = described(dovecot.host, dovecot.ports.imap, "agreement@example.test", messages)
    differ: dict[bytes, list[int]] = {b"ENVELOPE": [], b"BODYSTRUCTURE": []}
    for uid, mine in ours.items():
        for item, uids in differ.items():
            if folded(mine[item]) != folded(theirs[uid][item]):
                uids.append(uid)
    for item, uids in differ.items():
        example = f"{item.decode()} {uids[:3]}: " + "\n".join(
            f"\n  ours   {ours[uid][item]}\n  theirs {theirs[uid][item]}" for uid in uids[:3]
        )
        assert len(uids) <= len(messages) * ALLOWED, f"{len(uids)} differ, such as {example}"
