"""The observable instruments on OpenTelemetry meters, and their life across providers and forks."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics

from hystrixpy.telemetry.observe import OBSERVERS, Observer
from hystrixpy.telemetry.table import INSTRUMENTS, Instrument

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

    from hystrixpy.telemetry.ledger import Ledger

__all__ = ["SCOPE", "Binding", "Instruments"]

SCOPE = "hystrixpy"
"""Name of the instrumentation scope of everything hystrixpy exports."""


class Binding:
    """One set of instruments on one provider. OpenTelemetry cannot remove them, so a dead one answers nothing."""

    def __init__(self, provider: MeterProvider, ledger: Ledger, attributes: dict[str, Any] | None) -> None:
        self.provider = provider
        self.ledger = ledger
        self.collected = False
        self.dead = False
        meter = provider.get_meter(SCOPE, attributes=attributes) if attributes else provider.get_meter(SCOPE)
        for row in INSTRUMENTS:
            if row.name in OBSERVERS:
                self._create(meter, row)

    def _create(self, meter: metrics.Meter, row: Instrument) -> None:
        create = {
            "counter": meter.create_observable_counter,
            "up-down counter": meter.create_observable_up_down_counter,
            "gauge": meter.create_observable_gauge,
        }[row.kind]
        create(row.name, callbacks=[self._callback(OBSERVERS[row.name])], unit=row.unit, description=row.meaning)

    def _callback(self, observer: Observer) -> Any:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            if self.dead:
                return ()
            self.collected = True
            return observer(self.ledger)

        return observe

    def serves(self, provider: MeterProvider) -> bool:
        """Whether a reader of `provider` sees these: made on it, or on the API's proxy that was told of it."""
        if provider is self.provider:
            return True
        if type(self.provider).__name__ != "_ProxyMeterProvider":
            return False
        return getattr(self.provider, "_real_meter_provider", provider) is provider


class Instruments:
    """Keeps one living set of instruments on whatever global MeterProvider the application has."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._bindings: list[Binding] = []
        self._scope_attributes: dict[str, Any] | None = None

    def bind(self) -> None:
        """Make the instruments unless the present provider has them. Cheap; called when a circuit is made."""
        provider = metrics.get_meter_provider()
        with self._lock:
            if not any(binding.serves(provider) for binding in self._bindings if not binding.dead):
                self._bindings.append(Binding(provider, self._ledger, self._scope_attributes))

    def forked(self) -> None:
        """In a forked child: count from zero, under instruments whose readers remember nothing of the parent.

        A reader inherited from the parent subtracts what it last saw there (delta), or tells it under the
        child's new identity (cumulative). New instruments in a scope of their own have no such past; where
        nothing was ever collected there is none either, and the old ones stay.
        """
        self._lock = threading.Lock()  # the parent's may be held by a thread that does not exist here
        self._ledger.inherit()
        collected = [binding for binding in self._bindings if binding.collected]
        for binding in collected:
            binding.dead = True
        if collected:
            self._scope_attributes = {"process.pid": os.getpid()}
            # On a thread: a lock of the provider may have been held in the parent by a collection, for good here.
            threading.Thread(target=self.bind, name="hystrix-telemetry", daemon=True).start()
