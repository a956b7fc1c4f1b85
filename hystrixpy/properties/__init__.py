"""Properties (floor 2): what can be set, where values come from, and which level wins.

``schema`` is the table of all properties; ``kinds`` says what one value may be; ``faults`` words errors.
``sources`` reads mapping, files and environment; ``store`` holds what they said, ``watch`` notices changes;
``levels`` decides which value wins, ``explanation`` tells it; ``dynamic`` has the functions; ``check`` reads
without using; ``shapes`` keeps what a change does not reach; ``later`` keeps log records out of locks.
"""

from hystrixpy.properties.check import Checked, check_files
from hystrixpy.properties.conflict import PropertyConflictWarning, conflicts, warn_of, warn_of_conflict
from hystrixpy.properties.dynamic import (
    configure,
    explain,
    generation,
    on_change,
    on_check,
    reload_errors,
    reload_failed,
    remove_on_change,
    reset_sources,
    resolve,
)
from hystrixpy.properties.explanation import Explanation, PropertyOrigin, Resolved
from hystrixpy.properties.faults import unknown
from hystrixpy.properties.later import say
from hystrixpy.properties.levels import misfit
from hystrixpy.properties.schema import (
    SECTIONS,
    CollapserProperties,
    CommandProperties,
    Properties,
    Property,
    ThreadPoolProperties,
    table,
)
from hystrixpy.properties.shapes import Shapes
from hystrixpy.properties.sources import Values

__all__ = [
    "SECTIONS",
    "Checked",
    "CollapserProperties",
    "CommandProperties",
    "Explanation",
    "Properties",
    "Property",
    "PropertyConflictWarning",
    "PropertyOrigin",
    "Resolved",
    "Shapes",
    "ThreadPoolProperties",
    "Values",
    "check_files",
    "configure",
    "conflicts",
    "explain",
    "generation",
    "misfit",
    "on_change",
    "on_check",
    "reload_errors",
    "reload_failed",
    "remove_on_change",
    "reset_sources",
    "resolve",
    "say",
    "table",
    "unknown",
    "warn_of",
    "warn_of_conflict",
]
