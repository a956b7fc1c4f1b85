"""What tests of code that uses hystrixpy need (floor 6)."""

from hystrixpy.testing.clock import ManualClock

__all__ = ["ManualClock"]
