__pyx_capi__: dict[str, object]  # what other Cython modules cimport
