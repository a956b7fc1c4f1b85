"""Log records that wait until no lock of ours is held.

A handler may run guarded calls itself, to send what it was given, or hold its own lock while another thread, inside
it, waits for ours. So whoever has something to say under a lock leaves it here, and whoever took the lock says it.
"""

from __future__ import annotations

import logging
from collections import deque

__all__ = ["say", "warn_later"]

logger = logging.getLogger("hystrixpy")

_waiting: deque[tuple[str, tuple[object, ...]]] = deque()


def warn_later(message: str, *arguments: object) -> None:
    """Have a WARNING record made by the next :func:`say`, of whichever thread."""
    _waiting.append((message, arguments))


def say() -> None:
    """Make the records that wait. To be called with no lock held."""
    while _waiting:
        try:
            message, arguments = _waiting.popleft()
        except IndexError:  # another thread was quicker
            return
        logger.warning(message, *arguments)
