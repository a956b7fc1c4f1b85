"""The dynamic sources as they stand: read at first use, replaced by ``configure()``, re-read when watched.

All of it is one immutable ``State`` behind one name. A reader takes the name once and has a consistent set; a
writer builds a new State under the lock and swaps it in. So readers never lock, a fork at any moment leaves
nothing half done, and a failed reload has nothing to undo. Callbacks run after the lock is released.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hystrixpy.errors import PropertyError
from hystrixpy.properties.later import say, warn_later
from hystrixpy.properties.levels import bucket_faults
from hystrixpy.properties.sources import (
    SWITCH,
    FileReading,
    Reading,
    Values,
    read_environ,
    read_file,
    read_mapping,
    signature,
)
from hystrixpy.properties.watch import Watcher, Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["State", "Store", "merged"]

logger = logging.getLogger("hystrixpy")


@dataclass(frozen=True, slots=True)
class State:
    """What all sources said when they were last read without a fault."""

    generation: int
    mapping: Reading
    files: tuple[FileReading, ...]
    environ: Reading
    values: Values
    reload_error: str | None = None
    shared: dict[Any, Any] = field(default_factory=dict)
    """What came out for keys that these sources do not name, by what their classes say in code."""


class Store:
    """The sources of one process."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._state: State | None = None
        self._watcher: Watcher | None = None
        self._listeners: tuple[Callable[[], object], ...] = ()
        self._lasting: tuple[Callable[[], object], ...] = ()
        self._checks: tuple[Callable[[Values], Iterable[str]], ...] = ()
        self.generation = 0
        self.reload_errors = 0

    def current(self) -> State:
        """The state in force; reads the sources if nobody has. Raises :class:`PropertyError`."""
        state = self._state
        if state is not None:
            return state
        with self._lock:
            if self._state is None:
                self._publish(self._read(Reading(), self._named_file()))
            assert self._state is not None
            return self._state

    def configure(self, mapping: Mapping[str, Any] | None, paths: tuple[str, ...] | None, watch: Watching) -> None:
        """Replace what the last call said and read everything again; a fault leaves all as it was."""
        said = Reading() if mapping is None else read_mapping(mapping)
        with self._lock:
            state = self._read(said, self._named_file() if paths is None else paths)
            old, self._watcher = self._watcher, None
            self._publish(state)
            if watch and state.files:
                self._watch(state, watch)
        self._end(old)
        say()
        self._tell()

    def forget(self) -> None:
        """Drop all that was said and read, and who listens; the next use reads the environment's sources anew."""
        with self._lock:
            self._state = None
            self._listeners = ()
            self.generation += 1  # whoever keeps results of before must see that they are old
            old, self._watcher = self._watcher, None
        self._end(old)

    def on_check(self, check: Callable[[Values], Iterable[str]]) -> None:
        with self._lock:
            self._checks = (*self._checks, check)

    def on_change(self, callback: Callable[[], object], *, lasting: bool = False) -> None:
        with self._lock:
            if lasting:
                self._lasting = (*self._lasting, callback)
            else:
                self._listeners = (*self._listeners, callback)

    def remove_on_change(self, callback: Callable[[], object]) -> None:
        with self._lock:
            self._listeners = tuple(each for each in self._listeners if each != callback)

    def reload_failed(self, message: str) -> None:
        """Log, count and remember that a change could not be taken over."""
        with self._lock:
            self._failed(message)
        say()

    def after_fork(self) -> None:
        """In the child: locks of threads that do not exist here are gone, and watching goes on.

        What failed in the parent is the parent's to tell: a sum over all processes would count it twice.
        """
        self._lock = threading.Lock()
        self.reload_errors = 0
        if self._watcher is not None:
            self._watcher.start()

    # -- all below with the lock held, except _reload, _end and _tell

    def _read(self, said: Reading, paths: tuple[str, ...]) -> State:
        files = tuple(sorted((read_file(path) for path in paths), key=lambda file: file.rank))
        return self._made(said, files, read_environ(self._environ))

    def _made(self, said: Reading, files: tuple[FileReading, ...], environ: Reading) -> State:
        """A state of these readings, lowest first; raises if anything is wrong with any of them."""
        readings = [said, *(file.reading for file in files), environ]
        values = merged(readings)
        problems = [problem for reading in readings for problem in reading.problems] + bucket_faults(values)
        if not problems:  # what is good by itself may still not fit what lives
            problems = [problem for check in self._checks for problem in check(values)]
        if problems:
            raise PropertyError(_told(problems))
        return State(self.generation + 1, said, files, environ, values)

    def _publish(self, state: State) -> None:
        _warn_of_unused(self._state, state)
        self.generation = state.generation
        self._state = state

    def _failed(self, message: str) -> None:
        self.reload_errors += 1
        if self._state is not None:
            self._state = replace(self._state, reload_error=message)
        warn_later("the configuration could not be reloaded, the values before it stay: %s", message)

    def _named_file(self) -> tuple[str, ...]:
        path = self._environ.get("HYSTRIXPY_CONFIG")
        return (os.path.join(os.getcwd(), path),) if path else ()

    def _watch(self, state: State, how: Watching) -> None:
        paths = tuple(file.path for file in state.files)
        seen = tuple(file.signature for file in state.files)
        self._watcher = Watcher(paths, seen, self._reload, how)
        self._watcher.start()

    def _reload(self, watcher: Watcher) -> None:
        """Read the files that changed; only for the watcher in office, so a late one overwrites nothing."""
        with self._lock:
            state = self._state
            if watcher is not self._watcher or state is None:
                return
            changed = self._try(state, tuple(_reread(file) for file in state.files))
        say()
        if changed:
            logger.info("the configuration was reloaded: %s", ", ".join(file.path for file in state.files))
            self._tell()

    def _try(self, state: State, files: tuple[FileReading, ...]) -> bool:
        """Take over what the files say now, or keep what they said before."""
        try:
            self._publish(self._made(state.mapping, files, state.environ))
        except PropertyError as error:
            self._failed(str(error))
            return False
        return True

    @staticmethod
    def _end(watcher: Watcher | None) -> None:
        if watcher is not None:
            watcher.stop()

    def _tell(self) -> None:
        for callback in (*self._lasting, *self._listeners):  # those first who put the new values in force
            try:
                callback()
            except Exception:  # one listener's fault is no reason to keep the change from the others
                logger.exception("a listener for changes of properties failed")


def _reread(file: FileReading) -> FileReading:
    found = signature(file.path)
    return file if found is None or found == file.signature else read_file(file.path)


def merged(readings: Iterable[Reading]) -> Values:
    """Readings laid over each other, lowest first."""
    values: Values = {}
    for reading in readings:
        for place, found in reading.values.items():
            below = values.setdefault(place, {})
            if "timeout" in found and found["timeout"].value is None:
                below.pop(SWITCH, None)  # off for good, whatever a lower source switches on
            below.update(found)
    return values


def _told(problems: list[str]) -> str:
    """One fault as it is, several as a list."""
    if len(problems) == 1:
        return problems[0]
    return "\n  ".join([f"{len(problems)} faults in the configuration:", *problems])


def _warn_of_unused(old: State | None, new: State) -> None:
    """List Hystrix names without use in one record, and again only when there are others."""
    before, now = (
        sorted({name for file in state.files for name in file.reading.unused}) if state else [] for state in (old, new)
    )
    if now and now != before:
        warn_later("Hystrix properties that hystrixpy has no use for: %s", ", ".join(now))
