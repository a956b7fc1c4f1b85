"""Properties (floor 2): what can be set, where values come from, and which level wins.

``schema`` is the table of all properties; ``kinds`` says what one value may be; ``faults`` words errors.
"""

from hystrixpy.properties.schema import (
    CollapserProperties,
    CommandProperties,
    Properties,
    Property,
    ThreadPoolProperties,
    table,
)

__all__ = [
    "CollapserProperties",
    "CommandProperties",
    "Properties",
    "Property",
    "ThreadPoolProperties",
    "table",
]
