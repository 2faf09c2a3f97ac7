"""The 5,000 messages: the 3,000 real ones, and 2,000 of them again with other words in them."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from tests import corpus

COUNT = 5000


def available() -> bool:
    return (Path(corpus.FOLDER) / "spamassassin.tar.xz").is_file()


@cache
def all_messages() -> tuple[bytes, ...]:
    real = [message for message in corpus.real() if b"\0" not in message]
    again = [_again(number, message) for number, message in enumerate(real[: COUNT - len(real)])]
    return tuple((real + again)[:COUNT])


def _again(number: int, message: bytes) -> bytes:
    """The same shape and size, but neither the same octets nor the same identity."""
    header, separator, body = message.partition(b"\r\n\r\n")
    header = re.sub(rb"(?im)^(message-id:\s*<)", rb"\g<1>again%d." % number, header)
    header = re.sub(rb"(?im)^(subject:)", rb"\1 [again %d]" % number, header)
    return header + separator + body + b"\r\nagain %d of process %d\r\n" % (number, os.getpid())
