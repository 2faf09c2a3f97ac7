"""A command that cannot be read, with the reply that says so."""

from pillarbox.model.errors import PeerSyntax


class Fault(PeerSyntax):
    """`code` as in RFC 5321 4.2.4: 500 no such command, 501 bad arguments, 555 unknown parameters."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.enhanced = enhanced
        self.text = text
