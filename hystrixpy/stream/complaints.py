"""Telling of a lasting fault once: a sample fails twice a second, and no log wants that."""

from __future__ import annotations

import logging

__all__ = ["Complaints"]

_MOST = 1000

logger = logging.getLogger("hystrixpy")


class Complaints:
    """Remembers what it has complained about."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def about(self, subject: str, message: str, *args: object) -> None:
        """Log the present exception, unless the log has had one about ``subject``."""
        if subject not in self._told and len(self._told) < _MOST:
            self._told.add(subject)
            logger.exception(message, *args)
