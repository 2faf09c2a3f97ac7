"""How this process gets its memory from the system.

uvloop gives each TLS connection a buffer of 256 KiB, of which an idle one uses a page. As long as the C
library maps so large a piece by itself, the rest of it is no memory. But once a large piece has been freed
(checking a password frees 19 MiB) it takes all up to that size from the heap, where other pieces have been:
then an idle TLS session weighs 49 KiB and not 27.
"""

import ctypes

LARGE = (
    192 * 1024
)  # octets from which on a piece is mapped by itself: less than that buffer, more than a body

_M_MMAP_THRESHOLD = -3  # malloc.h of the GNU C library


def keep_buffers_apart() -> None:
    """For the whole process, before it serves anybody. Where the C library is another one, nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE)
