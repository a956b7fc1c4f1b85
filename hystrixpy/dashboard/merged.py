"""The streams of many processes as one: what ``hystrixpy dashboard URL...`` serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy.dashboard.reader import Address
from hystrixpy.dashboard.turbine import merge
from hystrixpy.dashboard.worker import TYPES, Worker
from hystrixpy.stream.channel import Channel
from hystrixpy.stream.complaints import Complaints
from hystrixpy.stream.site import Site
from hystrixpy.stream.wire import data_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Merged"]


class Merged:
    """Listens to the processes at ``urls`` until ``close()``. The addresses never change.

    Raises ``ValueError`` for what is no address.
    """

    def __init__(self, urls: Iterable[str]) -> None:
        addresses = [Address(url) for url in dict.fromkeys(urls)]
        self.workers = [Worker(address) for address in addresses]
        self._complaints = Complaints()

    def site(self) -> Site:
        """The dashboard and the two streams that make sense for many processes."""
        streams = {
            "/hystrix.stream": Channel(self.stream),
            "/hystrix/config.stream": Channel(self.config, every=5.0),
        }
        return Site(streams, {"/hystrixpy/sources.json": self.sources})

    def close(self) -> None:
        """Stop listening."""
        for worker in self.workers:
            worker.close()

    def events(self, key: str | None = None) -> list[dict[str, Any]]:
        """One merged event per circuit, then per pool, then per collapser."""
        by_name: dict[tuple[int, str], list[dict[str, Any]]] = {}
        for worker in self.workers:
            for event in worker.events():
                if key is None or event["name"] == key:
                    by_name.setdefault((TYPES.index(event["type"]), event["name"]), []).append(event)
        return [event for name in sorted(by_name) for event in self._merged(by_name[name])]

    def _merged(self, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        try:
            return [merge(events)]
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            # A stream that is none of ours, or hostile: that circuit is left out, the others are shown.
            name = events[0]["name"]
            self._complaints.about(name, "hystrixpy: events of %.100r cannot be merged; it is not shown", name)
            return []

    def stream(self, key: str | None = None) -> bytes:
        """A sample of ``hystrix.stream``."""
        return b"".join(data_event(event) for event in self.events(key))

    def config(self, key: str | None = None) -> bytes:
        """A sample of ``hystrix/config.stream``: the first process's, and what each of them says."""
        configs = [config for config in (worker.config() for worker in self.workers) if config]
        return data_event(_config(configs, key))

    def sources(self) -> dict[str, Any]:
        """Every process, living or lost."""
        return {"merged": True, "sources": [worker.status() for worker in self.workers]}


def _config(configs: Sequence[dict[str, Any]], key: str | None) -> dict[str, Any]:
    merged: dict[str, Any] = {"type": "HystrixConfig", "commands": {}, "threadpools": {}, "collapsers": {}}
    for config in configs:
        instance = str(config.get("hystrixpyInstance", "?"))
        for kind in ("commands", "threadpools", "collapsers"):
            for name, values in dict(config.get(kind) or {}).items():
                if key is None or name == key:
                    first = merged[kind].setdefault(name, {**values, "hystrixpyInstances": {}})
                    first["hystrixpyInstances"][instance] = {
                        field: value for field, value in values.items() if field.startswith("hystrixpy")
                    }
    return merged
