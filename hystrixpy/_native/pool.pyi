from typing import Self

from typing_extensions import disjoint_base

__pyx_capi__: dict[str, object]  # what other Cython modules cimport

@disjoint_base
class Work:
    @property
    def pool(self) -> Pool | None: ...

@disjoint_base
class Pool:
    @property
    def key(self) -> str: ...
    def __new__(cls, key: str, properties: object = None) -> Self: ...
    def shutdown(self, wait: bool = True, timeout: float | None = None) -> bool: ...

def stop_fallbacks(wait: bool = True, timeout: float | None = None) -> bool: ...
