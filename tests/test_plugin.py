"""The pytest plugin: the guard as tests, its selection, its summary, and the fixture."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import pickle
import subprocess
import sys
import textwrap

from pathlib import Path

import pytest

from forgetting import forget

import versionpickle.testing._plugin  # noqa: F401 - pytester drops what its runs import first

from versionpickle import migration, versioned
from versionpickle._project.configuration import Configuration
from versionpickle._project.part_differences import differences
from versionpickle._project.project import Project, load_project
from versionpickle._project.recording import record
from versionpickle._project.samples import Sample
from versionpickle._wire.stamp import Claim, make_stamp
from versionpickle.migrations import become, default_registry, rename
from versionpickle.testing._selection import is_own, selection
from versionpickle.testing._steps import taken_by


pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
IS_INSTALLED = any(
    one.value == "versionpickle_pytest"
    for one in importlib.metadata.entry_points(group="pytest11")
)
LOADED = () if IS_INSTALLED else ("-p", "versionpickle_pytest")
GUARDED = (*LOADED, "--versionpickle", "-p", "no:cacheprovider")

MODELS = """
    import attrs
    from typing import NamedTuple
    from versionpickle import migration, versioned
    from versionpickle.migrations import rename
    from versionpickle.testing import sample

    @versioned(version=1)
    @attrs.define
    class Order:
        number: int
        total: int = attrs.field(default=5, validator=attrs.validators.lt(100))

    @sample(Order)
    def basic():
        return Order(1)

    @versioned
    class Line(NamedTuple):
        text: str
"""
VERSION_2 = (
    ("version=1", "version=2"),
    ("total: int", "amount: int"),
    (
        "    @sample(Order)",
        '    migration(Order, 1, rename("total", "amount"))\n\n    @sample(Order)',
    ),
)

numbers = itertools.count()


class Shop:
    """A project under guard, whose module has a name of its own."""

    def __init__(self, pytester):
        self.pytester = pytester
        self.folder = pytester.path
        self.module = f"guarded_{next(numbers)}"
        pytester.makepyprojecttoml(f'[tool.versionpickle]\nmodules = ["{self.module}"]\n')
        pytester.makepyfile(test_other="def test_other(): pass")
        self.write()

    def write(self, *changes):
        source = MODELS
        for old, new in changes:
            assert old in source
            source = source.replace(old, new)
        (self.folder / f"{self.module}.py").write_text(textwrap.dedent(source))

    def record(self):
        project = load_project(self.folder)
        for key in project.classes:
            list(record(project, key))
        self.forget()

    def forget(self):
        """Let the next run import the module as a new process would."""
        sys.modules.pop(self.module, None)
        forget(self.module)

    def run(self, *args, guarded=GUARDED):
        self.forget()
        return self.pytester.runpytest_inprocess(*guarded, *args)

    def text(self, *args):
        return self.run(*args).stdout.str()


@pytest.fixture
def shop(pytester, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Shop(pytester)
    made.record()
    return made


def test_all_is_well(shop):
    """There is a test for each class, for each sample, and for what is of no class."""
    done = shop.run("-v")

    done.assert_outcomes(passed=6)
    done.stdout.fnmatch_lines(
        [
            "test_other.py::test_other PASSED*",
            "versionpickle::project PASSED*",
            f"versionpickle::{shop.module}:Line PASSED*",
            f"versionpickle::{shop.module}:Line version 1 made PASSED*",
            f"versionpickle::{shop.module}:Order PASSED*",
            f"versionpickle::{shop.module}:Order version 1 basic PASSED*",
            "=* versionpickle =*",
            "2 samples of 2 classes",
        ]
    )


def test_finding(shop):
    """A class with findings fails with their text and cures, and with no traceback."""
    shop.write(("total: int", "total: str"))

    text = shop.text()

    assert "6 items" in text
    assert "1 failed, 5 passed" in text
    assert "the field 'total' was int, and is str, and the version is still 1\n    run 'v" in text
    assert "Traceback" not in text
    assert "runtest" not in text


def test_sample_that_became_another(shop):
    """A sample that loads as another object tells which attributes differ."""
    shop.write(*VERSION_2)
    shop.record()
    shop.write(*VERSION_2, ('rename("total", "amount")', 'rename("total", "amount"), CENTS'))
    module = shop.folder / f"{shop.module}.py"
    module.write_text(
        "from versionpickle.migrations import convert\n"
        "CENTS = convert('amount', lambda amount: amount * 10)\n" + module.read_text()
    )

    text = shop.text()

    assert "its sample 'basic' no longer loads as the object that was recorded\nOrder.am" in text
    assert "\nOrder.amount was 5, and is 50\n    fix the step" in text
    assert "1 failed, 6 passed" in text


def test_sample_that_does_not_load(shop):
    """Neither does one that does not load, or that nobody has described."""
    samples = shop.folder / "schemas" / "samples"
    order, line = samples / f"{shop.module}.Order", samples / f"{shop.module}.Line"
    (order / "1-basic.pickle").write_bytes(b"no pickle")
    (line / "1-made.json").unlink()

    text = shop.text()

    assert "2 failed, 4 passed" in text
    assert "its sample 'basic' does not load: UnpicklingError" in text
    assert "nothing records what its sample 'made' is today\n    run" in text


def test_invalid_sample(shop):
    """A sample of today's version is validated as an upgraded one is."""
    shop.write(("lt(100)", "lt(3)"))

    text = shop.text("-k", "basic")

    assert "1 failed, 5 deselected" in text
    assert "its sample 'basic' is not valid: ValueError: 'total' must be < 3" in text


def test_of_no_class(shop):
    """What is wrong with no class of the project fails a test of its own."""
    shop.write(("class Line", "class Row"))

    text = shop.text("-k", "project")

    assert f"{shop.module}:Line version 1: this class is gone" in text
    assert "1 failed" in text


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("pyproject.toml", "[tool.pytest.ini_options]", "no [[]tool.versionpickle]*"),
        ("pyproject.toml", "[tool.versionpickle]\nmodules=['{}_']", "*_' cannot be imported*"),
        ("schemas/samples/{}.Order/odd.pickle", "", "the name of a sample is its version*"),
    ],
)
def test_configuration(shop, file, content, told):
    """A configuration that is no good fails one test, with its sentence."""
    (shop.folder / file.format(shop.module)).write_text(content.format(shop.module))

    done = shop.run()

    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines([f"*: {told}; *"])


def test_broken_description(shop):
    """What is found to be broken later is told by its sentence as well."""
    folder = shop.folder / "schemas" / "samples" / f"{shop.module}.Line"
    (folder / "1-made.json").write_text("{")

    text = shop.text("-k", "Line")

    assert "this is not a valid description of a sample" in text
    assert "Traceback" not in text


def test_summary(shop):
    """The summary tells which steps no sample takes."""
    shop.write(*VERSION_2)
    shop.record()
    old = shop.folder / "schemas" / "samples" / f"{shop.module}.Order"
    assert "no sample goes" not in shop.text()
    for file in old.glob("1-*"):
        file.unlink()

    text = shop.text()

    assert f"no sample goes through step 1 -> 2 of {shop.module}:Order (rename(" in text
    assert "there is no sample of it" in text


@pytest.mark.parametrize(
    ("args", "count"),
    [
        ([], 6),
        (["."], 6),
        (["test_other.py"], 1),
        (["test_other.py::test_other"], 1),
        (["versionpickle"], 5),
        (["versionpickle::project"], 1),
        (["test_other.py", "versionpickle::project"], 2),
        (["-k", "Order"], 2),
        (["--deselect", "versionpickle::project"], 5),
        (["-p", "no:versionpickle_schema_check"], 1),
    ],
)
def test_selection(shop, args, count):
    """A file or node id selects the guard only where it asks for it."""
    done = shop.run("-o", "versionpickle=true", *args, guarded=LOADED)

    done.assert_outcomes(passed=count, deselected=6 - count if "-" in args[:1] else None)


def test_asked_for(shop):
    """--versionpickle on the command line itself runs the guard beside what else is named."""
    shop.run("test_other.py").assert_outcomes(passed=6)


def test_unknown_node(shop):
    """A node id of ours that is not there is an error of use."""
    done = shop.run("versionpickle::nonsense")

    assert pytest.ExitCode.USAGE_ERROR == done.ret
    done.stderr.fnmatch_lines(["ERROR: not found: versionpickle::nonsense"])


def test_collect_only(shop):
    """Collecting tells the node ids, and judges nothing."""
    text = shop.text("--collect-only", "-q")

    assert "versionpickle::project\n" in text
    assert "samples of" not in text


def test_stops_at_first(shop):
    """-x stops at the first class with a finding."""
    shop.write(("total: int", "total: str"), ("text: str", "text: int"))

    assert "1 failed, 2 passed" in shop.text("-x")


def test_failures_again(shop):
    """--lf runs what failed."""
    shop.write(("total: int", "total: str"))
    guarded = (*LOADED, "--versionpickle")
    shop.run(guarded=guarded)

    shop.run("--lf", guarded=guarded).assert_outcomes(failed=1, deselected=5)


def test_junit(shop):
    """A report for other programs has the texts."""
    shop.write(("total: int", "total: str"))

    shop.run("--junitxml=junit.xml")

    report = (shop.folder / "junit.xml").read_text()
    assert f'classname="versionpickle" name="{shop.module}:Order"' in report
    assert "the field &#x27;total&#x27; was int" in report or "the field 'total' was int" in report


def test_fixture(shop):
    """upgrade_state makes today's object of an old state, with the guard on or off."""
    shop.write(*VERSION_2)
    shop.pytester.makepyfile(
        test_other=f"""
        import sys
        import pytest
        from versionpickle.exceptions import FieldsError

        sys.path.insert(0, {str(shop.folder)!r})

        def test_upgrade(upgrade_state):
            from {shop.module} import Order

            assert upgrade_state(Order, 1, {{"total": 3, "number": 1}}) == Order(1, 3)
            with pytest.raises(FieldsError, match="number"):
                upgrade_state(Order, 1, {{"total": 3}})
        """
    )

    shop.run(guarded=LOADED).assert_outcomes(passed=1)


def outside(folder, *command):
    """Run a command in a process of its own, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-P", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_imports_nothing(tmp_path):
    """A run that does not ask for the guard imports nothing of the package."""
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test(): assert 'versionpickle' not in sys.modules"
    )

    assert "1 passed" in outside(tmp_path, "-m", "pytest", *LOADED, "test_it.py")


def test_coverage(shop):
    """What the guard imports of the project is measured from its first line on."""
    measured = ["--source=.", "--branch", "-m", "pytest", *GUARDED]
    outside(shop.folder, "-m", "coverage", "run", "--rcfile=/dev/null", *measured)

    report = ("coverage", "report", "--show-missing", f"--include={shop.module}.py")
    line = outside(shop.folder, "-m", *report).splitlines()[2]

    lines = (shop.folder / f"{shop.module}.py").read_text().splitlines()
    assert str(lines.index("    return Order(1)") + 1) == line.split("%")[1].strip()


@pytest.mark.parametrize(
    ("was", "found", "told"),
    [
        (1, 1, []),
        (1, 1.0, ["the whole was 1, and is 1.0"]),
        ([1, 2], [1], ["the whole was [1, 2], and is [1]"]),
        ({"tuple": [1]}, {"tuple": [2]}, ["[0] was 1, and is 2"]),
        ({"bytes": "b''"}, {"bytes": "b'a'"}, [''' as bytes was "b''", and is "b'a'"''']),
        ({"set": [1]}, [1], ["""the whole was {"set": [1]}, and is [1]"""]),
        (
            {"dict": [[["k"], 1], [2, 3]]},
            {"dict": [[2, 3], [["j"], 1]]},
            ['[["k"]] was 1, and is not there', '[["j"]] was not there, and is 1'],
        ),
        (
            {"class": "m:C", "state": {"dict": [["a", 1]]}, "items": [1]},
            {"class": "m:D", "state": {"dict": [["a", 2]]}, "items": [3]},
            [
                ' (class) was "m:C", and is "m:D"',
                " (items)[0] was 1, and is 3",
                ".a was 1, and is 2",
            ],
        ),
        (
            {"class": "m:C", "state": [1]},
            {"class": "m:C"},
            [" (state) was [1], and is not there"],
        ),
    ],
)
def test_differences(was, found, told):
    """Differences are told part by part, and the order of names counts for nothing."""
    assert told == [*map(str, differences(was, found))]


def test_bare_name_may_be_a_folder(tmp_path, monkeypatch):
    """A folder that is called as the guard is stays a folder."""
    monkeypatch.chdir(tmp_path)
    assert is_own("versionpickle")

    (tmp_path / "versionpickle").mkdir()

    assert not is_own("versionpickle")
    assert is_own("versionpickle::project")
    assert selection(["versionpickle"], is_asked=False, is_folder=os.path.isdir).nodeids is None


@versioned(version=2, name="plugged.unstamped")
class Unstamped:
    pass


@versioned(version=3, name="plugged.base")
class Base:
    pass


@versioned(version=2, name="plugged.derived")
class Derived(Base):
    pass


for _cls in (Unstamped, Base, Derived):
    migration(_cls, 1, rename("a", "b"))
migration(Base, 2, rename("b", "c"))
migration("plugged.gone", 1, become({Derived: 1}))


def stamped(name, version, bases=()):
    """Stand for an object that another process stored."""
    return make_stamp(object, Claim(name, version, None, bases), None)


@pytest.mark.parametrize(
    ("data", "nodes"),
    [
        (
            pickle.dumps(stamped("plugged.derived", 1, (("plugged.base", 2),))),
            {"Derived 1", "Base 2"},
        ),
        (pickle.dumps(stamped("plugged.derived", 2, (("plugged.base", 3),))), set()),
        (pickle.dumps(stamped("plugged.derived", 3)), set()),
        (pickle.dumps(stamped("plugged.gone", 1)), {"plugged.gone 1", "Derived 1"}),
        (b"ctest_plugin\nUnstamped\n)\x81}b.", {"Unstamped 1"}),
        (b"cbuiltins\nlen\n.", set()),
        (b"no pickle", set()),
    ],
)
def test_steps_that_are_taken(tmp_path, data, nodes):
    """A sample takes the steps of all that it holds, of its bases, and beyond its class."""
    (tmp_path / "1-made.pickle").write_bytes(data)
    known = Configuration(tmp_path, ("m",), tmp_path, tmp_path)
    sample = Sample("nobody", 1, "made", tmp_path / "1-made.pickle")

    found = taken_by(Project(known, default_registry, {}, {}), "nobody", sample)

    assert nodes == {f"{ref.removeprefix('test_plugin:')} {version}" for ref, version in found}
