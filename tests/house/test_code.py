"""Rules that every Python file of the tree keeps and that no linter of ours checks."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

FILE_LIMIT = 500
FUNCTION_LIMIT = 60
UNSAFE_LOADERS = {"pickle", "cloudpickle", "dill", "marshal", "joblib", "shelve"}
HEAVY = {"torch", "distributed", "matplotlib", "h5py", "ezc3d", "matio", "python_calamine", "moto", "s3fs"}
# Written in halves, so that this file keeps the rule it checks.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
HOME = re.compile(r"(?<![\w.])/(home|Users|root)/\w")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function, its docstring not counted."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def _public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield f"{prefix}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{prefix}{node.name}.")


def test_the_tree_was_found(code: Mapping[str, ast.Module]) -> None:
    assert "biomech_xr/schema/__init__.py" in code


def test_files_stay_short(code: Mapping[str, ast.Module], root: Path) -> None:
    lengths = {name: len((root / name).read_text(encoding="utf-8").splitlines()) for name in code}
    assert {name: length for name, length in lengths.items() if length > FILE_LIMIT} == {}


def test_functions_stay_short(code: Mapping[str, ast.Module]) -> None:
    long = {
        f"{name}:{node.lineno} {node.name}": _code_lines(node)
        for name, tree in code.items()
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS) and _code_lines(node) > FUNCTION_LIMIT
    }
    assert long == {}


def test_every_public_name_of_the_library_says_what_it_is(code: Mapping[str, ast.Module]) -> None:
    silent = [
        f"{name}: {public}"
        for name, tree in code.items()
        if name.startswith("biomech_xr/")
        for public, node in _public(tree.body)
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not ast.get_docstring(node)
    ]
    assert silent == []


def test_every_module_says_what_it_is(code: Mapping[str, ast.Module]) -> None:
    assert [name for name, tree in code.items() if tree.body and not ast.get_docstring(tree)] == []


def test_no_handler_catches_everything(code: Mapping[str, ast.Module]) -> None:
    broad = [
        f"{name}:{node.lineno}"
        for name, tree in code.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node.type) and not _raises_again(node)
    ]
    assert broad == []


def _catches_everything(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    types = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"} for kind in types)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Tell whether the handler only cleans up: it ends with a bare `raise`."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_nothing_unpickles_or_loads_yaml_unsafely(code: Mapping[str, ast.Module]) -> None:
    unsafe = [
        f"{name}:{node.lineno} {ast.unparse(node.func)}"
        for name, tree in code.items()
        if not name.startswith("tests/benchmarks/")  # they time the reading of a pickle that they have just written
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _is_unsafe(node)
    ]
    assert unsafe == []


def _is_unsafe(call: ast.Call) -> bool:
    options = {option.arg: ast.unparse(option.value) for option in call.keywords}
    if options.get("allow_pickle") == "True" or options.get("weights_only") == "False":
        return True
    called = ast.unparse(call.func)
    if called == "pickle.loads" and ast.unparse(call.args[0]).startswith("pickle.dumps("):
        return False  # a test's own bytes, not input
    module, _, function = called.rpartition(".")
    if module in UNSAFE_LOADERS and function in {"load", "loads", "open", "Unpickler"}:
        return True
    if module == "torch" and function == "load":
        return options.get("weights_only") != "True"
    return called in {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle", "pandas.read_pickle"}


def test_no_module_reaches_for_dask_distributed(code: Mapping[str, ast.Module]) -> None:
    """The layer contract sees `distributed`; only the source tells `dask.distributed`."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in code.items()
        if name.startswith(("biomech_xr/", "training/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and "dask.distributed" in _imported(node)
    ]
    assert found == []


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    return {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}


def test_nothing_is_left_unfinished_and_no_home_folder_is_named(texts: Mapping[str, str]) -> None:
    marks = {
        f"{name}:{number}": line.strip()
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if UNFINISHED.search(line) or HOME.search(line)
    }
    assert marks == {}


def _modules_after(statement: str) -> set[str]:
    script = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=170)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_library_is_cheap() -> None:
    loaded = _modules_after("import biomech_xr")
    assert "biomech_xr" in loaded
    assert loaded & (HEAVY | {"dask.distributed", "numba", "gcsfs"}) == set()


def test_only_the_loader_imports_torch_and_no_module_imports_a_format_library(code: Mapping[str, ast.Module]) -> None:
    files = [name for name in code if name.startswith("biomech_xr/")]
    names = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in files]
    light = [name for name in names if not name.startswith(("biomech_xr.load", "biomech_xr.testing"))]
    loaded = _modules_after("\n".join(f"import {name}" for name in light))
    assert {"biomech_xr.store", "biomech_xr.readers", "biomech_xr.cli"} <= loaded
    assert loaded & HEAVY == set()
