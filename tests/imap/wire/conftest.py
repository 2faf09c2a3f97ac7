"""How the cases of the wire tables are run: whole, cut at every octet, cut short, with something behind."""

from collections.abc import Callable, Iterable

import pytest

from pillarbox.imap.wire.command import Command, Tagged, parse
from pillarbox.imap.wire.literal import Literal, literal_at_end
from pillarbox.model.errors import PeerSyntax
from pillarbox.net.framing import find_line


class Assembler:
    """Octets as they come from a socket -> the pieces of one command."""

    def __init__(self) -> None:
        self.buffer = b""
        self.pieces: list[bytes] = []
        self.literal: Literal | None = None
        self.complete = False

    def feed(self, data: bytes) -> None:
        self.buffer += data
        while not self.complete:
            if self.literal:
                if len(self.buffer) < self.literal.size:
                    return
                end = self.literal.size
                self.pieces.append(self.buffer[:end])
                self.literal = None
            else:
                end = find_line(self.buffer, 0, 1 << 20)
                if end <= 0:
                    return
                line = self.buffer[: end - 2]
                assert self.buffer[end - 2 : end] == b"\r\n"
                self.pieces.append(line)
                self.literal = literal_at_end(line)
                self.complete = self.literal is None
            self.buffer = self.buffer[end:]


def _pieces(chunks: Iterable[bytes]) -> list[bytes]:
    assembler = Assembler()
    for chunk in chunks:
        assembler.feed(chunk)
    assert assembler.complete and not assembler.buffer
    return assembler.pieces


@pytest.fixture
def pieces() -> Callable[[bytes], list[bytes]]:
    """One command, without its last CRLF, as pieces."""
    return lambda command: _pieces([command + b"\r\n"])


@pytest.fixture
def reads() -> Callable[..., None]:
    """`reads(written, command, utf8=False)`: the octets after the tag, and what they must mean."""

    def check(written: bytes, expected: Command, utf8: bool = False) -> None:
        stream = b"tag1 " + written + b"\r\n"
        whole = _pieces([stream])
        tagged = parse(whole, utf8)
        assert tagged.command == expected
        assert tagged.tag == b"tag1"
        for cut in range(1, len(stream)):
            assert _pieces([stream[:cut], stream[cut:]]) == whole
        for garbage in (b")", b" (", b" )", b"\0", b"\r", b"  x"):
            with pytest.raises(PeerSyntax):
                parse([*whole[:-1], whole[-1] + garbage], utf8)
        for cut in range(len(whole[-1])):
            short = [*whole[:-1], whole[-1][:cut]]
            try:
                assert isinstance(parse(short, utf8), Tagged)
            except PeerSyntax as error:
                assert str(error).isascii() and str(error)

    return check


@pytest.fixture
def refuses() -> Callable[..., str]:
    """`refuses(written, utf8=False)`: the command is a syntax error; its sentence is returned."""

    def check(written: bytes, utf8: bool = False) -> str:
        with pytest.raises(PeerSyntax) as caught:
            parse(_pieces([b"tag1 " + written + b"\r\n"]), utf8)
        sentence = str(caught.value)
        assert sentence.isascii() and "\n" not in sentence and len(sentence) < 300
        return sentence

    return check
