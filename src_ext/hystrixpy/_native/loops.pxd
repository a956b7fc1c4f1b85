"""The running event loop."""

cdef object running_loop()         # RuntimeError: none runs in this thread
