import pytest

from pillarbox.imap.wire.authenticate import Unauthenticate
from pillarbox.imap.wire.compress import Compress


@pytest.mark.parametrize("written", [b"COMPRESS DEFLATE", b"compress deflate", b"Compress Deflate"])
def test_compress(reads, written):
    reads(written, Compress())


@pytest.mark.parametrize(
    "written", [b"COMPRESS", b"COMPRESS ", b"COMPRESS GZIP", b'COMPRESS "DEFLATE"', b"COMPRESS DEFLATE9"]
)
def test_no_other_algorithm(refuses, written):
    refuses(written)


def test_unauthenticate(reads, refuses):
    reads(b"unauthenticate", Unauthenticate())
    refuses(b"UNAUTHENTICATE now")
