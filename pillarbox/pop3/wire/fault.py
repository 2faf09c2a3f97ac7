"""A command that cannot be read, with the sentence that says so."""

from pillarbox.model.errors import PeerSyntax


class Fault(PeerSyntax):
    """RFC 1939 3: answered with a negative status indicator."""
