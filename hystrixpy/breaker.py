"""The circuit breaker. It decides in ``src_ext/hystrixpy/_native/decision.pyx``: ``breaker_admit``, ``breaker_settle``.

Those two are the calls around guarded work, of a command's circuit too. The class below is their Python face
(``breaker.pyx`` beside it); ``CircuitBreaker.counting`` has another rule of when to open (``counting.pyx``).
"""

from hystrixpy._native.breaker import CircuitBreaker
from hystrixpy.types import HealthCounts

__all__ = ["CircuitBreaker", "HealthCounts"]
