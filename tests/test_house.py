"""The house: floors, names, and what the documents say."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
import subprocess
import sys

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import versionpickle
import versionpickle.sweeping

from versionpickle._pickles.load.settings import LoadSettings


ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "versionpickle"

FOLDERS = (
    "exceptions",
    "_wire",
    "migrations",
    "_classes",
    "_pickles",
    "stores",
    "sweeping",
    "_project",
    "testing",
    "_cli",
    "__init__",
    "__main__",
)
"""The files and folders of the package; each imports only from those above it."""

PATHS = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """The module of versionpickle/_wire/refs.py is versionpickle._wire.refs."""
    parts = ["versionpickle", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in PATHS}


def imports_of(module: str):
    """Yield (module, name) for each import from the package: lazy ones and those of types too."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            source = ".".join(filter(None, [base, node.module]))
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield (inner, "") if inner in MODULES else (source, alias.name)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


IMPORTS = {
    module: [(source, name) for source, name in imports_of(module) if source in MODULES]
    for module in MODULES
}


def folder_of(module: str) -> str:
    """The folder of versionpickle._wire.refs is _wire."""
    return (module.split(".")[1:] or ["__init__"])[0]


@pytest.mark.parametrize("module", MODULES)
def test_folders_import_downstairs_only(module):
    """Each folder imports only from those above it in the list."""
    here = FOLDERS.index(folder_of(module))

    upstairs = {source for source, _ in IMPORTS[module] if FOLDERS.index(folder_of(source)) > here}

    assert upstairs <= {"versionpickle"}  # for its version


def test_no_cycles_of_modules():
    """No module imports another that imports it again, be it lazily or for types alone."""
    graph = {module: {source for source, _ in IMPORTS[module]} for module in MODULES}
    graph["versionpickle"] = set()  # the names of the package are for users

    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_private_names_stay_in_their_module(module):
    """What begins with an underscore is used where it is defined."""
    taken = {
        f"{source}.{name}"
        for source, name in IMPORTS[module]
        if name.startswith("_") and not name.startswith("__") and module != "versionpickle"
    }

    assert taken == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_string_names_a_private_module(module):
    """Only what imports lazily may name a module in a string; nothing is decided by one."""
    if module == "versionpickle":
        return
    strings = {
        node.value
        for node in ast.walk(ast.parse(MODULES[module].read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert set() == {text for text in strings if text in MODULES and "._" in text}


def test_every_folder_has_a_place():
    """The list names the files and folders that there are."""
    files = {path.stem for path in PACKAGE.glob("*.py")}
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}

    assert {*FOLDERS} == files | folders


def test_examples_run():
    """The examples in docstrings are run as deep down as there are modules."""
    assert 3 == max(len(path.relative_to(PACKAGE).parts) for path in PATHS)  # as in conftest.py


@pytest.mark.parametrize(
    "module", [versionpickle, versionpickle.migrations, versionpickle.exceptions]
)
def test_exports(module):
    """What is exported is there, sorted, and has a docstring."""
    assert sorted(module.__all__) == module.__all__
    for name in module.__all__:
        assert getattr(module, name).__doc__ or name == "default_registry"


@pytest.mark.parametrize(
    "name", ["versionpickle", "versionpickle.migrations", "versionpickle.testing"]
)
def test_dir_lists_all_public_names(name):
    """A shell completes them, also those that are not imported yet."""
    code = f"import {name} as m; print(*{{*m.__all__}} - {{*dir(m)}})"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert b"" == done.stdout.strip()


PUBLIC = [
    versionpickle,
    versionpickle.migrations,
    versionpickle.sweeping,
    versionpickle.exceptions,
]


@pytest.mark.parametrize(
    "cls",
    [
        cls
        for module in PUBLIC
        for name in module.__all__
        if isinstance(cls := getattr(module, name), type)
    ],
)
def test_public_classes_have_a_public_module(cls):
    """Each says where it is exported, and is pickled by that name."""
    data = pickle.dumps(cls)

    assert cls.__module__ in {module.__name__ for module in PUBLIC}
    assert pickle.loads(data) is cls
    assert b"._" not in data


def test_settings_of_a_load():
    """What loads take by keyword is what the reader takes."""
    taken = inspect.signature(versionpickle.Unpickler.__init__).parameters

    assert {*LoadSettings.__annotations__} == {*taken} - {"self", "file"}


def test_version():
    """The version is the installed one."""
    assert re.match(r"\d+\.\d+", versionpickle.__version__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = versionpickle.nonsense


def test_runs_on_attrs_alone():
    """Importing the package imports nothing from outside but attrs."""
    code = (
        "import sys, attrs; before = set(sys.modules); import versionpickle;"
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    outside = set(done.stdout.split()) - set(sys.stdlib_module_names)
    assert {"versionpickle"} == {name for name in outside if not name.startswith("__")}


def test_reference_names_everything():
    """The reference has an entry for each public name."""
    reference = "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md"))

    for name in versionpickle.__all__:
        assert re.search(rf"\b{name}\b", reference), name
    for name in versionpickle.exceptions.__all__:
        assert re.search(rf"\b{name}\b", reference), name
