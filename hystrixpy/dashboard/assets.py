"""The files of the page: read once, sent with headers that let it do nothing but show its own stream."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONTENT_SECURITY_POLICY", "Asset", "assets"]

_STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html;charset=UTF-8",
    ".js": "text/javascript;charset=UTF-8",
    ".css": "text/css;charset=UTF-8",
    ".svg": "image/svg+xml",
}

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # The browser itself refuses any HTML made from a string: names can only ever be text.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)


@dataclass(frozen=True)
class Asset:
    """A file of the dashboard: its bytes and the headers it leaves with."""

    body: bytes
    headers: tuple[tuple[str, str], ...]


@cache
def assets() -> Mapping[str, Asset]:
    """Path -> file. Only what lies in the folder when the process first asks is ever served."""
    files = {f"/{path.relative_to(_STATIC).as_posix()}": path for path in sorted(_STATIC.rglob("*"))}
    found = {name: _asset(path) for name, path in files.items() if path.suffix in _TYPES}
    return {**found, "/": found["/index.html"], "/favicon.ico": found["/icon.svg"]}


def _asset(path: Path) -> Asset:
    headers = (
        ("Content-Type", _TYPES[path.suffix]),
        ("Cache-Control", "no-cache"),
        ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    )
    return Asset(path.read_bytes(), headers)
