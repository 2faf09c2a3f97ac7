"""Events with fields, one line each, on standard error: `key=value` to read, JSON for programs.

An event says what happened in a few fixed words; everything that varies is a field. A fault of ours has a
trace id, which is also what the client was told, so that a report leads to the line.
"""

import logging
import secrets
import sys
from contextlib import suppress
from typing import Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

Form = Literal["text", "json"]


class _Unfailing:
    """Nobody's mail waits because the log has no reader any more, or no room."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def configure(form: Form = "text", stream: TextIO | None = None, **always: object) -> None:
    """To be called once, before the first event. `always` are fields of every event of this process."""

    def with_always(logger: object, method: str, event: EventDict) -> EventDict:
        return {**always, **event}

    renderer: Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            with_always,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Unfailing(stream or sys.stderr))),
        cache_logger_on_first_use=False,
    )


def trace_id() -> str:
    """Ten characters that join an answer to a client and a line of the log."""
    return secrets.token_hex(5)


def fault(error: BaseException, peer: str | None = None) -> str:
    """An error of ours becomes a line with its traceback; its trace id."""
    trace = trace_id()
    structlog.get_logger().error("fault", trace=trace, peer=peer, exc_info=error)
    return trace
