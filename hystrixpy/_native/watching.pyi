from collections.abc import Callable
from typing import Any

def install(
    *,
    on_event: Callable[[int, str], object],
    watch: Callable[[Any], Any],
    on_hit: Callable[[Any], object],
) -> None: ...
def look_for_tracer(names: dict[str, Any] | None, name: str | None) -> None: ...
def ignore_tracer(provider: object) -> None: ...
