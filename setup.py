"""Builds the native core: every src_ext/hystrixpy/_native/*.pyx becomes hystrixpy._native.<name>.

Everything else about the package is declared in pyproject.toml. The generated C goes to
build/cython, so that neither tree ever holds a file nobody wrote. HYSTRIXPY_ANNOTATE=1 adds
Cython's HTML reports there. HYSTRIXPY_WITHOUT_NATIVE=1 installs the Python half alone, for the
Makefile, which then builds the native half in place.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCES = Path("src_ext/hystrixpy/_native")
HEADERS = sorted(str(path) for path in SOURCES.glob("*.h"))
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": False,
    "auto_pickle": False,
    "autotestdict": False,
    "binding": True,
    "freethreading_compatible": True,
}


def extension(source: Path) -> Extension:
    """One Cython file as one extension module whose name mirrors its path."""
    return Extension(
        f"hystrixpy._native.{source.stem}",
        [str(source)],
        include_dirs=[str(SOURCES)],
        depends=HEADERS,
        extra_compile_args=["-O3", "-std=c11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-unused-function"],
        extra_link_args=["-pthread"],
    )


def extensions() -> list[Extension]:
    """All of the native core, translated to C where a source is newer."""
    annotate = os.environ.get("HYSTRIXPY_ANNOTATE") == "1"
    if annotate:  # Cython opens the report's file without making its folder
        Path("build/cython", SOURCES).mkdir(parents=True, exist_ok=True)
    built: list[Extension] = cythonize(
        [extension(source) for source in sorted(SOURCES.glob("*.pyx"))],
        include_path=["src_ext"],
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
        annotate=annotate,
        force=annotate,
        nthreads=0,
    )
    return built


setup(
    ext_modules=[] if os.environ.get("HYSTRIXPY_WITHOUT_NATIVE") == "1" else extensions(),
    options={"build_ext": {"parallel": os.cpu_count()}},  # one compiler per core, for pip too
)
