from collections.abc import Callable, Iterable

from typing_extensions import disjoint_base

from hystrixpy._native.breaker import CircuitBreaker
from hystrixpy.events import CircuitState

@disjoint_base
class CountingBreaker(CircuitBreaker):
    def __init__(
        self,
        error_threshold: int,
        success_threshold: int,
        timeout: float,
        *,
        name: str = "counting breaker",
        ignore: type[BaseException] | Iterable[type[BaseException]] = (),
        on_transition: Callable[[str, CircuitState, CircuitState], object] | None = None,
    ) -> None: ...
