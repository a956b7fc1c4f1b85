"""Noticing that the web server around us wants to stop: it waits for its answers to end, and a stream never does."""

from __future__ import annotations

import signal

__all__ = ["server_leaves"]


def server_leaves() -> bool:
    """Whether the server was told to stop.

    Neither ASGI nor WSGI says so before every answer has ended; an open dashboard would hold uvicorn up
    for ever and gunicorn for its ``graceful_timeout``. Both handle SIGTERM with a method of the object
    that knows. Under a server that does not, nobody leaves, and its own time limit ends the streams.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(server, "should_exit", False) is True or getattr(server, "alive", True) is False
