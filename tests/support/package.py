"""Builds the sdist, and the wheel from the sdist, out of nothing but the project's own files.

``python -m tests.support.package`` prints the folder that holds both. The build is kept under ``build/dist`` and done
again only when a file changed, so that the tests and CI share one.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.tree import ROOT, tracked_files


def built() -> Path:
    """The folder with one sdist and one wheel of the tree as it is."""
    files = tracked_files()
    kept = ROOT / "build" / "dist" / _digest(files)
    if not kept.exists():
        with tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch, "source")
            _copy(files, source)
            _build(source, Path(scratch, "dist"))
            shutil.rmtree(kept.parent, ignore_errors=True)
            kept.parent.mkdir(parents=True)
            shutil.copytree(Path(scratch, "dist"), kept)
    return kept


def _digest(files: list[Path]) -> str:
    """Names the state of the tree, so that a changed tree is built again."""
    state = hashlib.sha256(sys.version.encode())
    for file in files:
        state.update(f"{file}\0".encode() + (ROOT / file).read_bytes())
    return state.hexdigest()[:16]


def _copy(files: list[Path], target: Path) -> None:
    """A tree that holds only what is the project's own: no build, no egg-info of an earlier life."""
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, target / file)


def _build(source: Path, target: Path) -> None:
    """Both distributions, with the Cython and setuptools that are installed here: no download."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the build failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")


if __name__ == "__main__":
    print(built())
