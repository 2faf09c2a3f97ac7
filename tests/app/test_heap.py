"""Buffers of idle TLS connections are mapped by themselves, whatever has been freed before."""

import ctypes
import subprocess
import sys

import pytest

# In a process of its own: the setting is for good.
SCRIPT = """
import ctypes
from pillarbox.app.heap import LARGE, keep_buffers_apart

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = (ctypes.c_size_t,)
libc.free.argtypes = (ctypes.c_void_p,)


class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abcd"] + [("mapped", ctypes.c_size_t)] + [
        (name, ctypes.c_size_t) for name in "efghi"
    ]


libc.mallinfo2.restype = Info
keep_buffers_apart()
libc.free(libc.malloc(19 << 20))  # a password has been checked
before = libc.mallinfo2().mapped
libc.malloc(256 * 1024)
print(libc.mallinfo2().mapped - before >= 256 * 1024 > LARGE)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="not the GNU C library")
def test_large_buffers_are_no_part_of_the_heap() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
