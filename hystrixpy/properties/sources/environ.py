"""The environment: ``HYSTRIXPY__COMMAND__GetUser__TIMEOUT=0.5``.

Section and property in any case, the key exact (it may hold ``__``), ``default`` in lower case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hystrixpy.properties.faults import named, printable, unknown
from hystrixpy.properties.schema import SECTIONS
from hystrixpy.properties.sources.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_environ"]

_PREFIX = "HYSTRIXPY__"


def read_environ(environ: Mapping[str, str]) -> Reading:
    """What the variables with our prefix say."""
    reading = Reading()
    for variable in sorted(environ):
        if variable.startswith(_PREFIX):
            _read(reading, variable, environ[variable])
    return reading


def _read(reading: Reading, variable: str, text: str) -> None:
    source = f"environment variable {printable(variable)}"
    section, _, rest = variable.removeprefix(_PREFIX).partition("__")
    key, _, name = rest.rpartition("__")
    if section.lower() not in SECTIONS:
        reading.fault(source, unknown("no section", section, [each.upper() for each in SECTIONS]))
    elif not key or not name:
        reading.fault(source, f"{named(variable)}: must be HYSTRIXPY__{section}__<key or default>__<PROPERTY>")
    else:
        reading.add_text(source, section.lower(), key, name.lower(), text)
