"""Where dynamic values come from: one module per kind of source, all filling a :class:`Reading`.

``mapping`` (a mapping in code), ``toml``, ``hystrix`` (Java ``.properties`` with Hystrix's names, read by
``java``), ``environ``; ``files`` opens files and picks the format by suffix.
"""

from hystrixpy.properties.sources.environ import read_environ
from hystrixpy.properties.sources.files import FileReading, read_file, signature
from hystrixpy.properties.sources.mapping import read_mapping
from hystrixpy.properties.sources.reading import SWITCH, Found, Reading, Values

__all__ = [
    "SWITCH",
    "FileReading",
    "Found",
    "Reading",
    "Values",
    "read_environ",
    "read_file",
    "read_mapping",
    "signature",
]
