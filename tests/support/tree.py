"""Where the source tree is, and what is in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "hystrixpy"
BUILT = (".so", ".pyc")
BUILT_FOLDERS = ("build", "dist", ".venv", "hystrixpy.egg-info", ".pytest_cache")
NATIVE_SOURCES = ROOT / "src_ext" / "hystrixpy" / "_native"


def tracked_files() -> list[Path]:
    """The project's own files, relative to ROOT: what git knows or would know; in an sdist, what was packed."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        return sorted({Path(name) for name in names if name and (ROOT / name).is_file()})
    paths = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
    return sorted(path for path in paths if not (path.suffix in BUILT or path.parts[0].startswith(BUILT_FOLDERS)))


def python_modules(package: Path = PACKAGE) -> dict[str, Path]:
    """Every Python module of the package by its dotted name, compiled ones not included."""
    files = (path for path in sorted(package.rglob("*.py")) if "static" not in path.parts)
    return {".".join(_module_parts(path.relative_to(package.parent))): path for path in files}


def native_modules() -> dict[str, Path]:
    """Every compiled module by its dotted name, with its Cython source."""
    return {f"hystrixpy._native.{path.stem}": path for path in sorted(NATIVE_SOURCES.glob("*.pyx"))}


def _module_parts(path: Path) -> tuple[str, ...]:
    parts = path.with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts
