"""Properties (floor 2): what can be set, where values come from, and which level wins.

``schema`` is the table of all properties; ``kinds`` says what one value may be; ``faults`` words errors.
``sources`` reads mapping, files and environment; ``store`` holds what they said, ``watch`` notices changes;
``levels`` decides which value wins; ``dynamic`` has the functions; ``check`` reads without using.
"""

from hystrixpy.properties.check import Checked, check_files
from hystrixpy.properties.conflict import PropertyConflictWarning, warn_of_conflict
from hystrixpy.properties.dynamic import (
    configure,
    explain,
    generation,
    on_change,
    reload_errors,
    reload_failed,
    remove_on_change,
    reset_sources,
    resolve,
)
from hystrixpy.properties.faults import unknown
from hystrixpy.properties.levels import Explanation, PropertyOrigin, Resolved
from hystrixpy.properties.schema import (
    SECTIONS,
    CollapserProperties,
    CommandProperties,
    Properties,
    Property,
    ThreadPoolProperties,
    table,
)

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
    "ThreadPoolProperties",
    "check_files",
    "configure",
    "explain",
    "generation",
    "on_change",
    "reload_errors",
    "reload_failed",
    "remove_on_change",
    "reset_sources",
    "resolve",
    "table",
    "unknown",
    "warn_of_conflict",
]
