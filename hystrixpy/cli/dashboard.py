"""``hystrixpy dashboard URL...``: many processes on one page."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

__all__ = ["add_parser"]


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "dashboard",
        help="merge the streams of many processes into one dashboard",
        description="Listens to hystrix.stream of every URL and serves one page, and one hystrix.stream, of them all: "
        "counters are summed, percentiles are those of the pooled histograms. The URLs are fixed while it runs.",
    )
    parser.add_argument("urls", nargs="+", metavar="URL", help="http://host:port of a server, or its hystrix.stream")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8989, help="port to listen on, 0 for any (default: %(default)s)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name by which browsers may reach it; may be repeated",
    )
    parser.set_defaults(run=run)


def run(arguments: Namespace, stop: threading.Event | None = None) -> int:
    """Serve until interrupted, or until ``stop`` is set."""
    from hystrixpy.dashboard.merged import Merged
    from hystrixpy.stream.server import StreamServer

    stop = stop or threading.Event()
    try:
        merged = Merged(arguments.urls)
    except ValueError as error:
        return _misused(error)
    try:
        server = StreamServer(merged.site(), arguments.host, arguments.port, arguments.allow_host)
    except (OSError, ValueError) as error:
        merged.close()
        return _misused(error)
    try:
        print(f"{len(merged.workers)} processes: {server.url} (stream: {server.url}/hystrix.stream)", flush=True)
        stop.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
        merged.close()
    return 0


def _misused(error: Exception) -> int:
    print(f"hystrixpy dashboard: {error}", file=sys.stderr)
    return 2
