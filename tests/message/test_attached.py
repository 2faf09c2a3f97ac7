"""has:attachment: what counts as a file."""

import pytest

from pillarbox.message.attached import is_attached
from pillarbox.message.derive import derive
from tests import corpus

MIXED = (
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n'
    b"--b\r\n%b\r\n\r\nx\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("part", "attached"),
    [
        (b"Content-Type: text/html", False),
        (b"Content-Type: application/pdf", True),
        (b"Content-Type: image/png", False),
        (b'Content-Type: image/png; name="x.png"', True),
        (b'Content-Type: image/png; name="x.png"\r\nContent-Disposition: inline', False),
        (b'Content-Type: image/png; NAME*0="x."; name*1="png"', True),
        (b"Content-Type: text/plain\r\nContent-Disposition: ATTACHMENT", True),
        (b"Content-Type: text/csv\r\nContent-Disposition: foo; filename*=utf-8''x.csv", True),
        (b'Content-Type: text/plain; x="(\\"attachment\\" (\\"filename\\""', False),
        (b'Content-Type: text/plain; x="name"', False),
        (b"Content-Type: application/pgp-signature; name=signature.asc", False),
        (b"Content-Type: application/pgp-signature\r\nContent-Disposition: attachment", True),
        (b"Content-Type: message/rfc822\r\nContent-Disposition: attachment", True),
        (b"Content-Type: message/rfc822", False),
    ],
)
def test_parts(part: bytes, attached: bool) -> None:
    assert is_attached(derive(MIXED % part).structure) is attached


def test_the_whole_message() -> None:
    assert is_attached(derive(b"Content-Type: application/pdf\r\n\r\nx").structure)
    assert not is_attached(derive(b"Subject: attachment\r\n\r\nname").structure)


def test_any_message() -> None:
    answers = {
        is_attached(derive(corpus.as_delivered(mail.raw)).structure) for mail in corpus.mails("torture")[:400]
    }
    assert answers == {True, False}
