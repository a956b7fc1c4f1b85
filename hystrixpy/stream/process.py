"""Who speaks: the fields that tell one worker process from another."""

from __future__ import annotations

import os
import platform
import socket
import time
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["identity", "now_ms", "process_fields", "started_ms"]


@cache
def _host() -> str:
    return socket.gethostname()


@cache
def _version() -> str | None:
    try:
        return version("hystrixpy")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return None


def now_ms() -> int:
    """Wall-clock milliseconds, as Hystrix's ``currentTime``; nothing is ever decided by it."""
    return time.time_ns() // 1_000_000


started_ms = now_ms()


def process_fields() -> dict[str, Any]:
    """The fields every event of this process carries. The pid is asked for each time: workers fork."""
    pid = os.getpid()
    return {"hystrixpyHost": _host(), "hystrixpyPid": pid, "hystrixpyInstance": f"{_host()}:{pid}"}


def identity() -> dict[str, Any]:
    """What the dashboard's header says of this process."""
    return {
        **process_fields(),
        "version": _version(),
        "python": platform.python_version(),
        "startedAt": started_ms,
    }
