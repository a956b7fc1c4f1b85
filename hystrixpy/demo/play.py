"""Plays the demo: service, receiver, export, load and view together, then the comparison."""

from __future__ import annotations

import contextlib
import itertools
import logging
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import hystrixpy
from hystrixpy.demo import summary
from hystrixpy.demo.calls import KEYS, GetPrice, GetReport, GetUser
from hystrixpy.demo.collector import Collector
from hystrixpy.demo.load import AsyncLoad, ThreadLoad
from hystrixpy.demo.reading import read
from hystrixpy.demo.script import Phase, Script
from hystrixpy.demo.service import Service
from hystrixpy.demo.view import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hystrixpy.demo.received import Received
    from hystrixpy.demo.summary import Diary

__all__ = ["Options", "play"]

CALLERS = 12
"""Threads that make the blocking calls of one command."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line chose; ``rate`` is calls per second and circuit."""

    seconds: float = 25.0
    rate: float = 40.0
    forever: bool = False
    otlp_endpoint: str | None = None
    port: int = 8989


def play(options: Options) -> int:
    """Run the demo; the exit status: 0, or 1 if the collector and the native core disagree."""
    view = View(sys.stdout)
    script = Script(options.seconds, repeat=options.forever)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        service = Service(lambda resource: script.at(time.monotonic() - started).conduct[resource])
        stack.enter_context(service)
        stack.enter_context(logging_to(view))
        collector = stack.enter_context(Collector(options.otlp_endpoint))
        view.say(collector.story)
        view.say(f"the dashboard is at {stack.enter_context(dashboard(options.port))}")
        started = time.monotonic()
        diary: Diary = {}
        with load(service.port, options.rate), contextlib.suppress(KeyboardInterrupt):
            _watch(view, script, started, None if options.forever else options.seconds, diary)
        collector.flush()
        for line in summary.isolation(diary):
            view.say(line)
        return _compare(view, collector.received)


@contextlib.contextmanager
def logging_to(view: View) -> Iterator[None]:
    """Show what the library logs among the lines of the view."""
    logger = logging.getLogger("hystrixpy")
    handler, level = view.log(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextlib.contextmanager
def load(port: int, rate: float) -> Iterator[None]:
    """``rate`` calls per second of each command; at the end waits for the calls under way."""
    with (
        ThreadLoad(lambda number: GetUser(port, number).execute(), rate, CALLERS),
        AsyncLoad(lambda number: GetPrice(port, number).execute(), rate),
        ThreadLoad(lambda number: GetReport(port, number).execute(), rate, CALLERS),
    ):
        yield


@contextlib.contextmanager
def dashboard(port: int) -> Iterator[str]:
    """Serve the dashboard; its address. A taken port gives way to a free one."""
    try:
        server = hystrixpy.serve(port=port)
    except OSError:
        server = hystrixpy.serve(port=0)
    with server:
        yield server.url


def _watch(view: View, script: Script, started: float, seconds: float | None, diary: Diary) -> None:
    """Print a line per circuit each second, until ``seconds`` have passed (None: until interrupted)."""
    phase: Phase | None = None
    last = started
    for tick in itertools.count(1):
        now = time.monotonic()
        if (current := script.at(now - started)) is not phase:
            phase = current
            view.story(now - started, phase.story)
        if seconds is not None and now - started >= seconds:
            return
        time.sleep(max(0.0, started + tick - time.monotonic()))
        now, before = time.monotonic(), last
        readings = [read(key) for key in _used()]
        view.second(now - started, now - before, readings)
        if script.at(now - started) is phase:  # the interval lay wholly within
            diary[phase.story] = readings
        last = now


def _used() -> list[str]:
    """The demo's circuits that have been called."""
    known = set(hystrixpy.command_keys())
    return [key for key in KEYS if key in known]


def _compare(view: View, received: Received | None) -> int:
    """Print what was counted beside what arrived; 1 if they differ."""
    found = summary.rows(_used(), received)
    view.say("\nwhat the native core counted, and what the collector received")
    view.say(summary.table(found))
    if received is None:
        view.say("the collector is yours: compare there")
        return 0
    wrong = summary.differences(found)
    if wrong:
        view.say(f"{len(wrong)} of {len(found)} numbers differ")
        return 1
    view.say(f"all {len(found)} numbers agree; {sum(row.counted for row in found if row.event in summary.ENDS)} calls")
    return 0
