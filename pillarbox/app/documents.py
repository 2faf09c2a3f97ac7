"""Reading attached documents, in a process of their own.

Files come from strangers, and some are made to cost: an archive that unpacks to terabytes, a PDF whose pages
refer to each other. Limits inside the readers stop most of them; the process is what stops the others. It has
little memory, opens no file and writes none, and is killed when a document takes too long. Then that document
has no text, and the next one is read by a new process.
"""

import os
import resource
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO

from pillarbox.app.spawn import command, environment
from pillarbox.message.documents.kinds import kind_of
from pillarbox.message.limits import MAX_DOCUMENT

MEMORY = 1 << 30  # octets of address space; a PDF of 30 MiB takes a tenth of it
CPU = 5  # seconds for one document, then its text is what has been read so far
NICE = 5
WALL = 60.0  # seconds until the process is killed
IDLE = 30.0  # seconds without a document until the process ends
MANY = 200  # documents until another process takes over, so that what libraries leak is given back

_ASKED = struct.Struct(">BQ")
_TOLD = struct.Struct(">I")


class Reader:
    """Asks one process about documents, one at a time. It begins when there is one, and ends when there has
    been none for a while. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._read = 0
        self._idle: threading.Timer | None = None
        self._closed = False

    def text_of(self, content_type: str, name: str, data: bytes) -> str:
        """The text of a document, "" when there is none to be had. For `searchable`."""
        kind = kind_of(content_type, name)
        if kind is None or len(data) > MAX_DOCUMENT:
            return ""
        with self._lock:
            if self._closed:
                return ""
            if self._process is None:
                self._process = _begin()
                self._read = 0
            text = _ask(self._process, kind, data)
            self._read += 1
            if text is None or self._read == MANY:
                self._end()
            else:
                self._end_later()
            return text or ""

    def close(self) -> None:
        self._closed = True
        if (process := self._process) is not None:
            process.kill()  # who still waits for it has the lock
        with self._lock:
            self._end()

    def _end_later(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        asked = self._read, self._process

        def end() -> None:
            with self._lock:
                if (self._read, self._process) == asked:
                    self._end()

        self._idle = threading.Timer(IDLE, end)
        self._idle.daemon = True
        self._idle.start()

    def _end(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@contextmanager
def reading() -> Iterator[Reader]:
    reader = Reader()
    try:
        yield reader
    finally:
        reader.close()


def _begin() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("documents"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,  # a Ctrl-C in the terminal is for the server
    )


def _ask(process: subprocess.Popen[bytes], kind: str, data: bytes) -> str | None:
    """The document's text; None when the process did not live to tell it."""
    assert process.stdin is not None and process.stdout is not None
    killer = threading.Timer(WALL, process.kill)
    killer.start()
    try:
        name = kind.encode("ascii")
        process.stdin.write(_ASKED.pack(len(name), len(data)) + name)
        process.stdin.write(data)
        process.stdin.flush()
        told = process.stdout.read(_TOLD.size)
        if len(told) < _TOLD.size:
            return None
        (size,) = _TOLD.unpack(told)
        text = process.stdout.read(size)
        return text.decode("utf-8", "replace") if len(text) == size else None
    except OSError:
        return None
    finally:
        killer.cancel()


def main() -> None:
    """The process: answers until nobody asks any more."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # libraries may print
    _forgo()
    from pillarbox.message.documents.text import OutOfTime, text_of

    def out_of_time(number: int, frame: FrameType | None) -> None:
        raise OutOfTime

    signal.signal(signal.SIGPROF, out_of_time)
    while (asked := _asked(requests)) is not None:
        try:
            signal.setitimer(signal.ITIMER_PROF, CPU)
            text = text_of(*asked)
            signal.setitimer(signal.ITIMER_PROF, 0)
        except OutOfTime:
            text = ""
        octets = text.encode("utf-8", "replace")
        answers.write(_TOLD.pack(len(octets)) + octets)
        answers.flush()


def _forgo() -> None:
    """What the process will never need, it cannot have any more; and others come first."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _asked(requests: BinaryIO) -> tuple[str, bytes] | None:
    head = requests.read(_ASKED.size)
    if len(head) < _ASKED.size:
        return None
    name_size, size = _ASKED.unpack(head)
    return requests.read(name_size).decode("ascii"), requests.read(size)


if __name__ == "__main__":
    main()
