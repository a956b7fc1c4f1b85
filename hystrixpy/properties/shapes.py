"""The windows that live circuits and pools were made with: the only properties a change does not reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hystrixpy.properties.later import warn_later
from hystrixpy.properties.schema import SECTIONS, Properties, table
from hystrixpy.properties.sources.reading import place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hystrixpy.properties.explanation import Explanation, PropertyOrigin, Resolved

__all__ = ["Shapes"]

_P = TypeVar("_P", bound=Properties)


class Shapes:
    """Kept from the making of a circuit or pool until ``reset()``. The caller keeps threads apart."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Mapping[str, PropertyOrigin]] = {}
        self._told: set[tuple[str, str]] = set()

    def keep(self, kind: str, key: str, resolved: Resolved[_P]) -> _P:
        """Remember the windows of something that is being made of these values."""
        rows = table(SECTIONS[kind]).values()
        self._kept[kind, key] = {row.name: resolved.origins[row.name] for row in rows if not row.dynamic}
        return resolved.values

    def held(self, kind: str, key: str, resolved: Resolved[_P]) -> _P:
        """The values in force after a change: the new ones, the windows of before. Logged once per key."""
        kept = self._kept.get((kind, key), {})
        late = [name for name, origin in kept.items() if origin.value != resolved.origins[name].value]
        if not late:
            return resolved.values
        if (kind, key) not in self._told:
            self._told.add((kind, key))
            warn_later("%s: a change of %s takes effect after reset()", place(kind, key), ", ".join(late))
        return resolved.values.replace(**{name: kept[name].value for name in late})

    def explained(self, kind: str, key: str, found: Explanation) -> Explanation:
        """The explanation of what is in force for something live, with what waits for ``reset()``."""
        kept = self._kept.get((kind, key))
        return found if kept is None else found.with_kept(kept)
