"""Setting and asking for properties in the running process: the functions over the one :class:`Store`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

from hystrixpy.errors import PropertyError
from hystrixpy.properties.explanation import Explanation, PropertyOrigin, Resolved
from hystrixpy.properties.faults import shown
from hystrixpy.properties.later import say
from hystrixpy.properties.levels import resolve_in
from hystrixpy.properties.schema import (
    SECTIONS,
    CollapserProperties,
    CommandProperties,
    Properties,
    ThreadPoolProperties,
)
from hystrixpy.properties.sources.reading import place
from hystrixpy.properties.store import State, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hystrixpy.properties.sources import Values
    from hystrixpy.properties.watch import Watching

__all__ = [
    "configure",
    "explain",
    "generation",
    "on_change",
    "on_check",
    "reload_errors",
    "reload_failed",
    "remove_on_change",
    "reset_sources",
    "resolve",
]

_store = Store()
os.register_at_fork(after_in_child=_store.after_fork)

File = str | os.PathLike[str]
Kind = Literal["command", "thread_pool", "collapser"]


def configure(
    mapping: Mapping[str, Any] | None = None,
    *,
    file: File | Iterable[File] | None = None,
    watch: Watching = False,
) -> None:
    """Set dynamic properties; they apply to the next call, also of commands that already ran.

    ``mapping`` is ``{"command": {"default": {...}, "GetUser": {...}}, "thread_pool": {...}, "collapser":
    {...}}``. ``file`` names a TOML file or a Hystrix ``.properties`` file, or several; without it the file in
    ``HYSTRIXPY_CONFIG`` is read. Lowest first: mapping, TOML, ``.properties``, environment variables.
    ``watch=True`` has changed files in force within 2 s; ``watch="watchfiles"`` sooner (extra ``watch``).

    A second call replaces what the first one set. Raises :class:`PropertyError` with the places of all
    faults; everything then stays as it was.

    >>> configure({"command": {"default": {"timeout": 0.5}}})
    """
    if isinstance(mapping, str | os.PathLike):
        raise PropertyError(f"mapping = {shown(mapping)}: must be a mapping; a file is named by file=")
    if watch == "watchfiles":
        _need_watchfiles()
    elif not isinstance(watch, bool):
        raise PropertyError(f"watch = {shown(watch)}: must be True, False or 'watchfiles'")
    _store.configure(mapping, _paths(file), watch)


def _need_watchfiles() -> None:
    try:
        import watchfiles  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ImportError("watch='watchfiles' needs the extra: pip install 'hystrixpy[watch]'") from error


def _paths(file: File | Iterable[File] | None) -> tuple[str, ...] | None:
    """Absolute paths, so that a change of the working directory moves nothing."""
    if file is None:
        return None
    files = [file] if isinstance(file, str | os.PathLike) or not isinstance(file, Iterable) else list(file)
    for each in files:
        if not isinstance(each, str | os.PathLike) or not os.fspath(each):
            raise PropertyError(f"file = {shown(file)}: must be a path, or several")
    return tuple(os.path.join(os.getcwd(), os.fsdecode(each)) for each in files)


@overload
def resolve(
    kind: Literal["command"],
    key: str,
    code: CommandProperties | None = None,
    *,
    builtin_overrides: Mapping[str, Any] | None = None,
    fixed: Mapping[str, Any] | None = None,
    code_source: str = "code",
) -> Resolved[CommandProperties]: ...
@overload
def resolve(
    kind: Literal["thread_pool"],
    key: str,
    code: ThreadPoolProperties | None = None,
    *,
    builtin_overrides: Mapping[str, Any] | None = None,
    fixed: Mapping[str, Any] | None = None,
    code_source: str = "code",
) -> Resolved[ThreadPoolProperties]: ...
@overload
def resolve(
    kind: Literal["collapser"],
    key: str,
    code: CollapserProperties | None = None,
    *,
    builtin_overrides: Mapping[str, Any] | None = None,
    fixed: Mapping[str, Any] | None = None,
    code_source: str = "code",
) -> Resolved[CollapserProperties]: ...
def resolve(
    kind: Kind,
    key: str,
    code: Properties | None = None,
    *,
    builtin_overrides: Mapping[str, Any] | None = None,
    fixed: Mapping[str, Any] | None = None,
    code_source: str = "code",
) -> Resolved[Any]:
    """The values in force for ``key`` now: dynamic for the key > ``code`` > dynamic default > built in.

    ``builtin_overrides`` are built-in defaults that differ for this kind of command, ``fixed`` what no level
    changes for it. Raises :class:`PropertyError` if a source is broken or the values do not fit each other.
    """
    state = _store.current()
    origins, values = _resolved(state, kind, key, code, builtin_overrides or {}, fixed or {}, code_source)
    return Resolved(values, Explanation(place(kind, key), origins, state.reload_error), state.generation)


def _resolved(
    state: State,
    kind: Kind,
    key: str,
    code: Properties | None,
    builtin: Mapping[str, Any],
    fixed: Mapping[str, Any],
    code_source: str,
) -> tuple[Mapping[str, PropertyOrigin], Properties]:
    """Keys of one class about which no source says anything share what comes out: there may be one per host."""
    like = (kind, code, code_source, *builtin.items(), *fixed.items())
    own = (kind, key) in state.values
    found = None if own else state.shared.get(like)
    if found is None:
        origins = resolve_in(state.values, kind, key, code, builtin, fixed, code_source)
        found = origins, SECTIONS[kind](**{name: origin.value for name, origin in origins.items()})
        if not own:
            state.shared[like] = found
    return found


def explain(
    kind: Kind,
    key: str,
    code: Properties | None = None,
    *,
    builtin_overrides: Mapping[str, Any] | None = None,
    fixed: Mapping[str, Any] | None = None,
    code_source: str = "code",
) -> Explanation:
    """Each value in force for ``key`` with its level and source; ``str()`` prints a table."""
    state = _store.current()
    origins = resolve_in(state.values, kind, key, code, builtin_overrides or {}, fixed or {}, code_source)
    say()
    return Explanation(place(kind, key), origins, state.reload_error)


def on_check(check: Callable[[Values], Iterable[str]]) -> None:
    """Have ``check(values)`` asked before new values are taken over; any fault it names refuses them all.

    It is called with a lock held and must take none itself; :func:`misfit` says whether values fit a key.
    """
    _store.on_check(check)


def on_change(callback: Callable[[], object], *, lasting: bool = False) -> None:
    """Have ``callback()`` called after the sources changed, outside any lock, until ``reset()``.

    What lives has the new values by then. It is called in the thread that made the change: the caller of
    ``configure()``, or the one that watches files. Calls of two changes may overlap, so whoever keeps results
    compares their ``generation``. A ``lasting`` one outlives ``reset()`` and is called before the others.
    """
    _store.on_change(callback, lasting=lasting)


def remove_on_change(callback: Callable[[], object]) -> None:
    """Undo :func:`on_change`; unknown callbacks are ignored."""
    _store.remove_on_change(callback)


def reset_sources() -> None:
    """Forget what ``configure()`` said and who listens, stop watching, and read the sources again at the next use."""
    _store.forget()


def generation() -> int:
    """How often the sources were read anew; grows with every change, through resets too."""
    return _store.generation


def reload_errors() -> int:
    """Reloads of watched files that failed since the process started."""
    return _store.reload_errors


def reload_failed(message: str) -> None:
    """Count and report a change that could not be taken over for a reason found outside this package."""
    _store.reload_failed(message)
