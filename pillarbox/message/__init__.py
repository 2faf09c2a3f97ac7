"""Messages as bytes: RFC 5322 and MIME turned into offsets, structure and text.

Everything here is pure: bytes (or an `mmap`) in, plain values out; no IO, no clock. Whatever a peer
sends has a meaning: nothing in this room raises because of the bytes it is given, and the cost grows
linearly with them (`limits.py`). The IMAP spelling of ENVELOPE and BODYSTRUCTURE is made here, because
it is stored with the message.
"""
