"""What limits concurrency (floor 3): pools of threads. Who gets in is decided in ``_native/crew.pyx``."""

from hystrixpy._native.threadpool import ThreadPool

__all__ = ["ThreadPool"]
