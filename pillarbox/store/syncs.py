"""Syncs that the event loop waits for without a thread.

A thread that does nothing but wait for `fdatasync` costs more processor time than all that SQLite does for
a message: it has to be woken, to take Python's lock, and to wake the loop again. Linux syncs files by itself
when it is asked to (io_submit(2), IOCB_CMD_FDSYNC), and says so through a descriptor that the loop watches.
It is the same function of the kernel that `fdatasync` calls, on the same open file, so an error of the disk
is reported here as it would be there.

Where that is not to be had (another system, a file system or a sandbox without it, too many at once) a sync
runs on a thread as ever. So it does where a sync function of one's own is given.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import struct
import sys
from collections.abc import Callable
from concurrent.futures import Executor

from pillarbox.store.commit import to_disk

AT_ONCE = 64  # syncs that the kernel is asked for at a time

# Numbers of io_setup, io_destroy, io_getevents and io_submit: the C library has no names for them.
_CALLS = {"x86_64": (206, 207, 208, 209), "aarch64": (0, 1, 4, 2), "riscv64": (0, 1, 4, 2)}

_FDSYNC, _RESFD = 3, 1
# struct iocb: data, key and flags (in the processor's order, which does not matter while both are 0), opcode,
# priority, descriptor, buffer, octets, offset, reserved, flags, descriptor to be told by.
_REQUEST = struct.Struct("=QIIHhIQQqQII")
_EVENT = struct.Struct("=QQqq")  # data, request, result, second result


class Syncs:
    """`begin(fd)` is done when all that was written to the file before is on the medium."""

    def __init__(self, sync: Callable[[int], None], executor: Executor) -> None:
        self._sync = sync
        self._executor = executor
        self._kernel: _Kernel | None = None

    def open(self) -> None:
        """On the loop that will wait."""
        if self._sync is to_disk:
            self._kernel = _kernel()

    def close(self) -> None:
        """When nothing is in flight any more."""
        kernel, self._kernel = self._kernel, None
        if kernel is not None:
            kernel.close()

    def begin(self, fd: int) -> asyncio.Future[None]:
        if self._kernel is not None:
            begun = self._kernel.begin(fd)
            if begun is not None:
                return begun
        return asyncio.get_running_loop().run_in_executor(self._executor, self._sync, fd)


def _kernel() -> _Kernel | None:
    calls = _CALLS.get(platform.machine())
    if sys.platform != "linux" or calls is None or struct.calcsize("P") != 8:
        return None
    try:
        return _Kernel(calls)
    except OSError:
        return None


class _Kernel:
    """What this process has asked of the kernel. Calls do not wait, so Python's lock is kept through them."""

    def __init__(self, calls: tuple[int, int, int, int]) -> None:
        setup, self._destroy, self._get, self._submit = calls
        self._call = ctypes.PyDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        context = ctypes.c_ulong(0)
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        if self._call(ctypes.c_long(setup), ctypes.c_long(AT_ONCE), ctypes.byref(context)) != 0:
            os.close(self._fd)
            raise OSError(ctypes.get_errno(), "io_setup")
        self._context = ctypes.c_ulong(context.value)
        self._request = ctypes.create_string_buffer(_REQUEST.size)
        self._requests = (ctypes.c_void_p * 1)(ctypes.addressof(self._request))
        self._events = ctypes.create_string_buffer(_EVENT.size * AT_ONCE)
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._last = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._done)

    def begin(self, fd: int) -> asyncio.Future[None] | None:
        """None where the kernel does not take it."""
        if len(self._waiting) >= AT_ONCE:
            return None
        self._last += 1
        _REQUEST.pack_into(self._request, 0, self._last, 0, 0, _FDSYNC, 0, fd, 0, 0, 0, 0, _RESFD, self._fd)
        # The request is copied before the call returns, and the open file held until it is done.
        if self._call(ctypes.c_long(self._submit), self._context, ctypes.c_long(1), self._requests) != 1:
            return None
        future = self._waiting[self._last] = self._loop.create_future()
        return future

    def _done(self) -> None:
        os.eventfd_read(self._fd)
        count = self._call(
            ctypes.c_long(self._get),
            self._context,
            ctypes.c_long(0),
            ctypes.c_long(AT_ONCE),
            self._events,
            None,
        )
        for number, _, result, _ in _EVENT.iter_unpack(self._events.raw[: _EVENT.size * max(count, 0)]):
            future = self._waiting.pop(number)
            if future.done():
                continue
            if result < 0:
                future.set_exception(OSError(-result, os.strerror(-result)))
            else:
                future.set_result(None)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        self._call(ctypes.c_long(self._destroy), self._context)
        os.close(self._fd)
