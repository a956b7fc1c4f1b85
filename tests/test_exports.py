"""The public surface: ``__all__`` tells the truth, and importing is cheap and free of side effects."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import hystrixpy
from tests.support.tree import python_modules

PACKAGE = Path(hystrixpy.__file__).parent
"""The package that is tested: the source tree's, or the installed one."""

PYTHON = python_modules(PACKAGE)
NATIVE = [f"hystrixpy._native.{path.name.split('.')[0]}" for path in PACKAGE.glob("_native/*.so")]
MODULES = sorted({*PYTHON, *NATIVE})
DECLARING = [name for name, path in sorted(PYTHON.items()) if "__all__" in path.read_text()]
FACES = [name for name in DECLARING if name.count(".") == 1]
"""What users import from; deeper modules are for their own folder."""

IMPORT_OK = {"hystrixpy", "opentelemetry", "typing_extensions", "importlib_metadata", "zipp", "deprecated", "wrapt"}
"""What ``import hystrixpy`` may load beside the standard library: the OpenTelemetry API and what that needs."""


def fresh(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that has imported nothing yet."""
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)


def module_or_skip(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if "hystrixpy[" not in str(error):
            raise
        pytest.skip(f"an extra is not installed: {error}")


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_module_imports_alone(name: str) -> None:
    """Each module can be the first one imported: no hidden order, no cycle, no warning."""
    done = fresh(f"import {name}")
    if "ImportError" in done.stderr and "hystrixpy[" in done.stderr:
        pytest.skip("an extra is not installed: " + done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", DECLARING)
def test_all_names_exist_once(name: str) -> None:
    """Every name in ``__all__`` is there, and is listed once."""
    module = module_or_skip(name)
    declared = module.__all__
    assert len(declared) == len(set(declared))
    assert not [missing for missing in declared if not hasattr(module, missing)]


@pytest.mark.parametrize("name", FACES)
def test_public_definitions_are_in_all(name: str) -> None:
    """A class or function without an underscore is promised, or it gets an underscore."""
    tree = ast.parse(PYTHON[name].read_text())
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    defined = {node.name for node in tree.body if isinstance(node, definitions)}
    module = module_or_skip(name)
    public = {item for item in defined if not item.startswith("_")}
    assert public <= set(module.__all__)


def test_every_public_object_is_documented() -> None:
    """What can be imported from ``hystrixpy`` says what it is for."""
    public = {name: getattr(hystrixpy, name) for name in hystrixpy.__all__}
    silent = [name for name, item in public.items() if callable(item) and not inspect.getdoc(item)]
    assert not silent


def test_import_loads_the_opentelemetry_api_and_nothing_else() -> None:
    """No SDK, no exporter, no grpc, no web framework: those wait until they are used."""
    done = fresh(
        "import sys; before = set(sys.modules); import hystrixpy\n"
        "for name in sorted(set(sys.modules) - before): print(name)"
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    foreign = {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names) - IMPORT_OK
    assert not {name for name in foreign if not name.startswith(("_cython", "cython_runtime"))}
    assert not [name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
