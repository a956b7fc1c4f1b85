"""The circuit breaker. It decides in ``src_ext/hystrixpy/_native/breaker.pyx``: ``breaker_admit``, ``breaker_settle``.

Those two are the calls around guarded work; the class below is their Python face, and a command's circuit
uses the same two. ``CircuitBreaker.counting`` is in ``counting.pyx`` beside it.
"""

from hystrixpy._native.breaker import CircuitBreaker
from hystrixpy.types import HealthCounts

__all__ = ["CircuitBreaker", "HealthCounts"]
