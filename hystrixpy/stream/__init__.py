"""The numbers, live: Hystrix's event streams for dashboards and collectors (floor 6).

``asgi`` and ``wsgi`` are the applications themselves, to be mounted anywhere::

    app = Starlette(routes=[Mount("/ops", hystrixpy.stream.asgi)])

They answer below their mount: ``/hystrix.stream``, ``/hystrix/utilization.stream``,
``/hystrix/config.stream``, ``/hystrix/request.stream``, and the dashboard at ``/``. Checking the Host and
who may look is the mounting application's business. Programs without a web server call ``serve``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hystrixpy.stream.faces import asgi, wsgi
    from hystrixpy.stream.server import StreamServer

__all__ = ["StreamServer", "asgi", "serve", "wsgi"]


def serve(host: str = "127.0.0.1", port: int = 8989, allowed_hosts: Iterable[str] = ()) -> StreamServer:
    """Serve the streams and the dashboard from a daemon thread; it listens when this returns.

    ``port=0`` takes any free one: see ``.port`` and ``.url`` of the result. It answers only requests whose
    Host is 127.0.0.1, localhost, [::1], ``host`` or one of ``allowed_hosts`` (names without a port). There
    is no password: whoever reaches the port can read the numbers, and nobody can change anything. It ends
    with ``close()``, its ``with`` block, ``hystrixpy.shutdown()`` or ``hystrixpy.reset()``.

    Raises ``OSError`` when the port is taken or the address is not ours, ``ValueError`` for a port above
    65535. Forked children do not serve.

        with hystrixpy.serve(port=0) as server:
            print(server.url)
    """
    from hystrixpy.stream import faces

    return faces.serve(host, port, allowed_hosts)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """The rest is loaded when it is asked for: most processes that guard calls never show them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hystrixpy.stream import faces

    return getattr(faces, name)
