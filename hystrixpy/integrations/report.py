"""The request log on its way out: as a response header, and as a line of the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hystrixpy.context import RequestContext

__all__ = ["HEADER", "header_value", "write"]

HEADER = "X-Hystrix-Log"
_LONGEST = 4000  # servers and proxies refuse header lines of 8 KB and more

logger = logging.getLogger("hystrixpy")


def header_value(context: RequestContext) -> str:
    """The log so far, as one header line: no control characters, Latin-1 only, cut to 4,000 characters."""
    text = str(context.log).encode("latin-1", "replace").decode("latin-1")
    clean = "".join(each if each.isprintable() else "?" for each in text)
    return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 3] + "..."


def write(context: RequestContext, method: str, path: str) -> None:
    """The whole log, at INFO on the logger ``hystrixpy``. Without the query string: it may hold secrets."""
    logger.info("Hystrix executions [%s %s] => %s", method, path, context.log)
