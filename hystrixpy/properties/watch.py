"""Noticing that a configuration file changed: one daemon thread that looks at the files' signatures.

Polling needs nothing from the platform and works on network and container file systems. A path is followed
through its symlinks at every look, so an atomic rename and Kubernetes' swap of ``..data`` are seen alike.
With the extra ``watch``, the kernel wakes the thread and the looks in between are rare.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Literal

from hystrixpy.properties.sources import signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hystrixpy.properties.sources.files import Signature

__all__ = ["INTERVAL", "Watcher", "Watching"]

logger = logging.getLogger("hystrixpy")

INTERVAL = 0.4
"""Seconds between two looks. A change is in force within three of them; 2 s are promised."""

Watching = bool | Literal["watchfiles"]


class Watcher:
    """Calls ``changed`` when files differ from ``seen`` and have stopped changing."""

    def __init__(
        self,
        paths: tuple[str, ...],
        seen: tuple[Signature, ...],
        changed: Callable[[Watcher], None],
        how: Watching = True,
    ) -> None:
        self._paths = paths
        self._seen = seen
        self._pending: tuple[Signature, ...] | None = None
        self._gone: set[str] = set()
        self._changed = changed
        self._how = how
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start looking; also what a forked child does, whose copy of the thread does not exist."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hystrix-config-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking, and wait until nothing of this watcher runs; callable from its own callback too."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def _run(self) -> None:
        looks = _kernel_looks(self._paths, self._stop) if self._how == "watchfiles" else _polls(self._stop)
        for _ in looks:
            try:
                self.poll()
            except Exception:  # the thread must outlive whatever a look runs into
                logger.exception("looking for changes of the configuration failed")

    def poll(self) -> None:
        """One look. A file that differs is read at the second look that finds it the same.

        Whoever writes in place truncates first: at the first look the file may be empty or half written, and
        half a file can be a valid one that says less.
        """
        now = tuple(self._look(path, old) for path, old in zip(self._paths, self._seen, strict=True))
        if now == self._seen:
            self._pending = None
        elif now != self._pending:
            self._pending = now
        else:
            self._seen, self._pending = now, None
            self._changed(self)

    def _look(self, path: str, old: Signature) -> Signature:
        """The signature now; that of before for a file that has vanished: its values stay."""
        found = signature(path)
        if found is None:
            if path not in self._gone:
                logger.warning("%s has vanished; its values stay in force until it comes back", path)
            self._gone.add(path)
            return old
        self._gone.discard(path)
        return found


def _polls(stop: threading.Event) -> Iterator[None]:
    """One item per interval until stopped."""
    while not stop.wait(INTERVAL):
        yield


def _kernel_looks(paths: tuple[str, ...], stop: threading.Event) -> Iterator[None]:
    """One item per event in the files' directories, and two looks a second apart for what they missed.

    Directories, because a rename replaces the file; also those the symlinks lead to as they stand now.
    """
    from watchfiles import watch

    folders = {os.path.dirname(path) for each in paths for path in (each, os.path.realpath(each))}
    yield
    try:
        for _ in watch(
            *folders, stop_event=stop, recursive=False, rust_timeout=1000, yield_on_timeout=True, debounce=50
        ):
            yield
            if not stop.wait(0.05):
                yield
    except (OSError, RuntimeError) as error:  # no inotify handles left, a folder that is gone
        logger.warning("the kernel does not watch the configuration (%s); looking every %s s", error, INTERVAL)
        yield from _polls(stop)
