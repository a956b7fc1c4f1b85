"""The site of this process, for each of its faces: every face has its own clients and limits."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from hystrixpy.context import forget_request_end, on_request_end
from hystrixpy.stream.channel import Channel
from hystrixpy.stream.live import LiveProcess
from hystrixpy.stream.process import identity
from hystrixpy.stream.requests import RequestChannel
from hystrixpy.stream.site import Site, Source
from hystrixpy.stream.snapshot import Samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hystrixpy.context import RequestLog

__all__ = ["live_site", "reopen", "shut"]

_CONFIG_INTERVAL = 5.0


def live_site() -> Site:
    """All four streams, the page and its documents."""
    samples = Samples(LiveProcess())
    streams: dict[str, Source] = {
        "/hystrix.stream": Channel(samples.stream),
        "/hystrix/utilization.stream": Channel(samples.utilization),
        "/hystrix/config.stream": Channel(samples.config, every=_CONFIG_INTERVAL),
        "/hystrix/request.stream": RequestChannel(_listen),
    }
    site = Site(streams, {"/hystrixpy/sources.json": lambda: {"merged": False, "sources": [identity()]}})
    _sites.add(site)
    return site


_sites: weakref.WeakSet[Site] = weakref.WeakSet()


def shut() -> None:
    """End the streams of every face: ``shutdown()`` was called."""
    for site in list(_sites):
        site.close()


def reopen() -> None:
    """Let what is mounted answer again, from circuits that start anew: ``reset()`` was called."""
    for site in list(_sites):
        site.reopen()


def _listen(deliver: Callable[[Iterable[Any]], None]) -> Callable[[], None]:
    def ended(log: RequestLog) -> None:
        deliver(log.commands)

    on_request_end(ended)
    return lambda: forget_request_end(ended)
