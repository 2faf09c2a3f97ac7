"""IMAP on the wire: bytes <-> frozen objects, and nothing else (RFC 3501, RFC 9051).

Rules of the place:
* pure: no socket, no store, no clock; what a peer sends parses or raises `PeerSyntax`, nothing else;
* one file a command family: its command dataclasses, `parse_*(Reader)`, its response dataclasses, `encode_*`;
* a command holds decoded values (mailbox names as normalised `str`, needles as `str`, dates as numbers), so
  that no handler ever parses; a response holds plain values, so that no handler ever formats;
* mailbox names and strings are spelled as `Kind` says (`strings`), sizes are bounded in `limits`.
"""
