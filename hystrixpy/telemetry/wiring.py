"""Connects telemetry to the living circuits of this process: once, at first use, and again after a fork."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from hystrixpy import registry
from hystrixpy.telemetry import traces
from hystrixpy.telemetry.instruments import Instruments
from hystrixpy.telemetry.ledger import Ledger
from hystrixpy.telemetry.registry_source import RegistrySource

if TYPE_CHECKING:
    from hystrixpy.telemetry.source import Source

__all__ = ["bind", "enabled", "ledger", "used"]

_log = logging.getLogger("hystrixpy")

_lock = threading.Lock()
_ledger: Ledger | None = None
_instruments: Instruments | None = None


def enabled() -> bool:
    """Whether telemetry is wanted at all: HYSTRIXPY_TELEMETRY=off says no, to traces too."""
    return os.environ.get("HYSTRIXPY_TELEMETRY", "").strip().lower() not in ("off", "0", "false", "no")


def ledger() -> Ledger:
    """The sums of this process."""
    global _ledger
    with _lock:
        if _ledger is None:
            _ledger = Ledger(_registry())
        return _ledger


def used(_circuit_or_key: object) -> None:
    """Called for every new circuit and collapser, in the midst of somebody's call: nothing may leave here."""
    try:
        bind()
    except Exception:
        _log.exception("telemetry could not be connected to OpenTelemetry; commands go on without it")


def bind() -> None:
    """See to it that the present MeterProvider has our instruments, and that executions look for a tracer."""
    global _instruments
    if not enabled():
        return
    numbers = ledger()
    with _lock:
        if _instruments is None:
            _instruments = Instruments(numbers)
            os.register_at_fork(after_in_child=_forked)
            traces.install()
        instruments = _instruments
    instruments.bind()


def _forked() -> None:
    global _lock
    _lock = threading.Lock()  # whoever held it in the parent is not here
    if _instruments is not None:
        _instruments.forked()
    elif _ledger is not None:
        _ledger.inherit()


def _registry() -> Source:
    return RegistrySource()


registry.on_circuit(used)
registry.on_collapser(used)  # its first requests are to be linked to, and come before the circuit of its command
