from typing_extensions import disjoint_base

__pyx_capi__: dict[str, object]  # what other Cython modules cimport

@disjoint_base
class Duty:
    def __call__(self, *args: object, **kwargs: object) -> None: ...
