"""How things look on the wire: JSON that is safe to put into a page, and Hystrix's event framing."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["PING", "UNBOUNDED", "data_event", "milliseconds", "to_json", "whole"]

PING = b"ping: \n\n"
"""Hystrix's keep-alive: a field that no event source knows, so that readers ignore it."""

UNBOUNDED = 2_147_483_647
"""Java's largest int: what Hystrix sends for no limit, and what we send for limits that Java could not hold."""

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def to_json(value: Any) -> bytes:
    """Compact ASCII JSON. ``<``, ``>`` and ``&`` leave as escapes, since old pages insert names as HTML.

    The three cannot occur in JSON outside strings, so replacing them in the whole text is right.
    """
    text = _encode(value)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text.encode("ascii")


def data_event(value: Any) -> bytes:
    """One server-sent event: a ``data:`` line and an empty one. JSON never holds a raw newline."""
    return b"data: " + to_json(value) + b"\n\n"


def milliseconds(seconds: float | None) -> int:
    """Whole milliseconds, as Hystrix sends times; None, no limit, is 0."""
    # Seconds such as 0.29 are a hair below their value in binary: add more than the hair, then truncate.
    return 0 if seconds is None else int(seconds * 1000 + 1e-6)


def whole(limit: int | None) -> int:
    """A limit as Java reads it: at most ``UNBOUNDED``, which also stands for none."""
    return UNBOUNDED if limit is None else min(limit, UNBOUNDED)
