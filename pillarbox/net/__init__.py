"""Listeners, TLS, timeouts, back-pressure and framing: everything between a socket and a session.

A protocol room writes a `Session` (bytes in, bytes out, no IO); this room gives it lines and octets one
event at a time and carries its answers away. Nothing here knows a protocol. May import the standard
library and uvloop only.
"""
