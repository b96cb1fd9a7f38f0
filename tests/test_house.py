"""The house: floors, names, and what the documents say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

from pathlib import Path

import pytest

import versionpickle


ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "versionpickle"

FLOORS = {
    0: ("exceptions", "_short", "_names", "_source", "_stamp"),
    1: ("migrations",),
    2: (
        "_field",
        "_declared_elsewhere",
        "_fields",
        "_layout",
        "_symbols",
        "_carried",
        "_codegen",
        "_placeholder",
        "_stream",
        "_turn",
        "_shape",
        "_fields_shape",
        "_model_shape",
        "_own_shape",
        "_enum_shape",
        "_rebuild_shape",
        "_values_shape",
        "_shapes",
        "_hooks",
        "_declare",
        "_adopt",
        "_check",
        "_describe",
    ),
    3: (
        "_path",
        "_values",
        "_skim",
        "_twice",
        "_opcodes",
        "_machine",
        "_finder",
        "_tree",
        "_plan",
        "_waiting",
        "_builder",
        "_limits",
        "_hash_cost",
        "_budget",
        "_factories",
        "_called",
        "_strict_bytes",
        "_open_objects",
        "_call_rules",
        "_state_rules",
        "_guard",
        "_refusals",
        "_older",
        "_deep_pickler",
        "_unpicklable",
        "_dumping",
        "_quick",
        "_loading",
        "_files",
        "_ways",
        "_inspect",
        "_rank",
        "_portrait",
        "_staleness",
        "_label",
        "_noting",
        "_upgrading",
    ),
    4: ("stores",),
    5: ("sweeping", "_store_settings", "_existing", "_store", "_opening", "project"),
    6: ("cli", "testing", "__init__", "__main__"),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """The room of versionpickle.migrations._chain is migrations."""
    parts = module.split(".")[1:]
    return parts[0] if parts else "__init__"


def imported_by(path: Path):
    """Yield the rooms that a module imports from while it is imported."""
    package = ["versionpickle", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            if module == "versionpickle":
                yield from (alias.name for alias in node.names)
            elif module.startswith("versionpickle."):
                yield room_of(module)
        elif isinstance(node, ast.Import):
            yield from (
                room_of(alias.name)
                for alias in node.names
                if alias.name.startswith("versionpickle")
            )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_floors(path):
    """Each room imports only from rooms on its own floor and below."""
    room = room_of(".".join(["versionpickle", *path.relative_to(PACKAGE).with_suffix("").parts]))

    upstairs = {other for other in imported_by(path) if FLOOR_OF[other] > FLOOR_OF[room]}

    assert set() == upstairs


def test_every_room_has_a_floor():
    """And only those that there are."""
    rooms = {path.stem if path.parent == PACKAGE else path.parent.name for path in MODULES}

    assert rooms == set(FLOOR_OF)


@pytest.mark.parametrize(
    "module", [versionpickle, versionpickle.migrations, versionpickle.exceptions]
)
def test_exports(module):
    """What is exported is there, sorted, and has a docstring."""
    assert sorted(module.__all__) == module.__all__
    for name in module.__all__:
        assert getattr(module, name).__doc__ or name == "default_registry"


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
