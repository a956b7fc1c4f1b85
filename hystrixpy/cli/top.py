"""``hystrixpy top URL...``: the circuits of one or many processes in a terminal."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

    from rich.console import Group

    from hystrixpy.dashboard.merged import Merged

__all__ = ["add_parser"]

_REFRESH = 0.5
_FRAME_LINES = 3  # the status line, the header and a spare one


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "top",
        help="watch circuits in the terminal",
        description="Shows the circuits of every URL, merged, twice a second. Ctrl-C ends it.",
    )
    parser.add_argument("urls", nargs="+", metavar="URL", help="http://host:port of a server, or its hystrix.stream")
    orders = ("error", "volume", "p99", "name")
    parser.add_argument("--sort", default="error", choices=orders, help="the first row's reason (default: %(default)s)")
    parser.add_argument("--once", action="store_true", help="print one picture and end: for scripts and tickets")
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> int:
    """Show the table until interrupted. Exit status 1: no process could be reached."""
    try:
        import rich  # noqa: F401
    except ImportError:
        raise ImportError("hystrixpy top needs rich: pip install 'hystrixpy[tui]'") from None
    from hystrixpy.dashboard.merged import Merged

    try:
        merged = Merged(arguments.urls)
    except ValueError as error:
        print(f"hystrixpy top: {error}", file=sys.stderr)
        return 2
    try:
        (_once if arguments.once else _watch)(merged, arguments.sort)
    except KeyboardInterrupt:
        pass
    finally:
        merged.close()
    return 0 if any(worker.status()["state"] == "live" for worker in merged.workers) else 1


def _watch(merged: Merged, sort: str) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(_picture(merged, sort, console.height - _FRAME_LINES, console.width), refresh=True)
            threading.Event().wait(_REFRESH)


def _once(merged: Merged, sort: str) -> None:
    from rich.console import Console

    console = Console()
    # Every process has had its say, or has been found lost, within moments; a silent one costs the wait.
    for _ in range(40):
        if all(worker.status()["state"] == "lost" or worker.events() for worker in merged.workers):
            break
        threading.Event().wait(0.1)
    console.print(_picture(merged, sort, 10_000, console.width))


def _picture(merged: Merged, sort: str, rows: int, width: int) -> Group:
    from rich.console import Group

    from hystrixpy.dashboard.terminal import render, status_line

    events = merged.events()
    return Group(status_line(merged.sources()["sources"], events), render(events, sort=sort, rows=rows, width=width))
