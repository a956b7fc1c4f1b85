"""What is shipped: the wheel and the sdist are complete, and hold nothing that nobody wrote."""

from __future__ import annotations

import tarfile
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from tests.support.package import built
from tests.support.tree import NATIVE_SOURCES, PACKAGE, ROOT, native_modules, tracked_files

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.serial, pytest.mark.source, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def dist() -> Path:
    return built()


@pytest.fixture(scope="module")
def wheel(dist: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sdist(dist: Path) -> set[str]:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        return {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in archive.getnames()}


def suffixes(names: set[str]) -> set[str]:
    return {PurePosixPath(name).suffix for name in names}


def test_wheel_holds_every_compiled_module(wheel: dict[str, bytes]) -> None:
    """Each Cython source arrives as an extension for the interpreter that built the wheel."""
    expected = {name.replace(".", "/") + EXTENSION_SUFFIXES[0] for name in native_modules()}
    assert expected == {name for name in wheel if name.endswith(".so")}


def test_wheel_holds_types(wheel: dict[str, bytes]) -> None:
    """Type checkers see the package: py.typed, and a stub beside each compiled module."""
    stubs = {name.replace(".", "/") + ".pyi" for name in native_modules()}
    assert stubs | {"hystrixpy/py.typed"} <= set(wheel)


def test_wheel_holds_every_python_file_and_page(wheel: dict[str, bytes]) -> None:
    """Nothing of the package stays behind: modules, stubs, and the dashboard's page with its licence."""
    own = {str(path) for path in tracked_files() if path.parts[0] == PACKAGE.name}
    assert own <= set(wheel)


def test_wheel_holds_only_the_package(wheel: dict[str, bytes]) -> None:
    """No tests, no benchmarks, no Cython and no generated C."""
    assert {PurePosixPath(name).parts[0].split("-")[0] for name in wheel} == {"hystrixpy"}
    assert not {".c", ".pyx", ".pxd", ".h"} & suffixes(set(wheel))


def test_wheel_needs_only_the_opentelemetry_api(wheel: dict[str, bytes]) -> None:
    """The one dependency of the core; everything else is an extra. The licence is named and included."""
    (metadata,) = (text.decode() for name, text in wheel.items() if name.endswith(".dist-info/METADATA"))
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert [line.split()[1].split(">")[0] for line in required] == ["opentelemetry-api"]
    assert "License-Expression: Apache-2.0" in metadata
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


def test_sdist_holds_what_the_wheel_is_built_from(sdist: set[str]) -> None:
    """Sources, tests, benchmarks and documents: whoever has the sdist has the project."""
    left_out = {".gitignore"}
    assert {str(path) for path in tracked_files()} - left_out <= sdist


def test_sdist_holds_nothing_generated(sdist: set[str]) -> None:
    """Cython's C and compiled files are made where they are used."""
    assert not {".c", ".so", ".pyc"} & suffixes(sdist)


def test_generated_c_stays_out_of_both_trees() -> None:
    """After a build in place, the sources stand alone: the C lies in build/cython."""
    assert not [*NATIVE_SOURCES.glob("*.c"), *PACKAGE.rglob("*.c"), *(ROOT / "src_ext").rglob("*.html")]
