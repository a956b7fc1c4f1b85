"""What limits concurrency (floor 3): pools of threads. The work is done in ``_native/crew.pyx`` and ``_native/pool.pyx``."""

from hystrixpy._native.threadpool import ThreadPool

__all__ = ["ThreadPool"]
