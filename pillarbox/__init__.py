"""Pillarbox: a complete mail server with IMAP at its heart.

One folder a room, one idea a file; imports point only downward (tests/test_arrows.py walks them):

    app > web activesync jmap managesieve smtp pop3 imap
        > delivery > identity > store > filter > message > model
    net stands beside them and knows only bytes, sockets and clocks.
"""

__version__ = "0.1.0"
