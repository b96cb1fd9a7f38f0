"""The guard of a project: its configuration, samples, findings, and the commands for these."""

from __future__ import annotations

import collections
import itertools
import json
import os
import pathlib
import pickle
import re
import sys
import textwrap
import types

from pathlib import Path

import golden_models as models
import pytest

from click.testing import CliRunner
from forgetting import forget

from versionpickle._cli.main import main
from versionpickle._pickles.rewrite.snapshot import is_same, snapshot
from versionpickle._project.configuration import configuration
from versionpickle._project.example import example
from versionpickle.exceptions import ProjectError


MODELS = """
import attrs
from decimal import Decimal
from versionpickle import migration, versioned
from versionpickle.migrations import rename

@versioned(version=2, name="{module}.order")
@attrs.define
class Order:
    number: int
    amount: Decimal
    currency: str = "USD"

migration(Order, 1, rename("total", "amount"))

@versioned
@attrs.define
class Line:
    text: str
"""

numbers = itertools.count()


class Shop:
    """A project in a folder, whose module has a name of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = f"shop_of_test_{next(numbers)}"

    def write(self, source, name="{module}.py"):
        text = textwrap.dedent(source).replace("{module}", self.module)
        path = self.folder / name.format(module=self.module)
        path.write_text(text)
        return path

    def change(self, *changes):
        """Let another module hold the classes from now on, as a new process would."""
        path = self.folder / f"{self.module}.py"
        source = path.read_text()
        for old, new in changes:
            assert old in source
            source = source.replace(old, new)
        path.write_text(source)
        self.forget()

    def forget(self):
        """Let nothing be known of the classes, as in a new process."""
        sys.modules.pop(self.module, None)
        forget(self.module)

    def run(self, *arguments, status=0):
        done = CliRunner().invoke(main, [*map(str, arguments)])
        assert status == done.exit_code, done.output
        return done.output

    def found(self):
        """What check prints for programs."""
        return json.loads(self.run("check", "--format", "json", status=1))


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Shop(tmp_path)
    made.write(MODELS)
    yield made
    made.forget()


class TestConfiguration:
    """`[tool.versionpickle]`."""

    def test_of_a_folder_above(self, tmp_path):
        """It counts for all folders below it."""
        (tmp_path / "pyproject.toml").write_text('[tool.versionpickle]\nmodules = ["shop"]\n')
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'other'\n")

        found = configuration(tmp_path / "a" / "b")

        assert (tmp_path, ("shop",)) == (found.root, found.modules)
        assert (found.schemas, found.samples) == (
            tmp_path / "schemas",
            tmp_path / "schemas" / "samples",
        )

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (
                "[tool.other]",
                r"no \[tool.versionpickle\] here or in a folder above; run 'versionp",
            ),
            ("= 5", "this is not valid TOML"),
            (
                "[tool.versionpickle]\nmodule = ['a']",
                r"unknown settings: module; it takes modules, plain-p",
            ),
            ("[tool]\nversionpickle = 5", r"unknown settings: 5"),
            ("[tool.versionpickle]", r"modules = \[\] names no modules"),
            ("[tool.versionpickle]\nmodules = 'a'", "modules = 'a' names no modules"),
            ("[tool.versionpickle]\nmodules = ['']", "names no modules"),
            ("[tool.versionpickle]\nmodules = ['a']\nschemas = 5", "schemas = 5 is no folder"),
            (
                "[tool.versionpickle]\nmodules = ['a']\nsample-modules = [5]",
                r"sample-modules = \[5\] names no modules",
            ),
            (
                "[tool.versionpickle]\nmodules = ['a']\nplain-pickle = 'no'",
                "plain-pickle = 'no' is not a boolean",
            ),
        ],
    )
    def test_invalid_settings(self, tmp_path, text, problem):
        """It is told with the file and the cure."""
        (tmp_path / "pyproject.toml").write_text(text)

        with pytest.raises(ProjectError, match=problem) as caught:
            configuration(tmp_path)
        assert "pyproject.toml" in caught.value.file

    def test_a_module_that_cannot_be_imported(self, shop):
        """It may have any error; nothing is left behind."""
        shop.write("1 / 0")

        told = shop.run("init", shop.module, status=2)

        assert f"the module '{shop.module}' cannot be imported (ZeroDivisionError" in told
        assert not Path("pyproject.toml").exists()

    def test_sources_in_a_folder_of_their_own(self, shop):
        """src/ is looked into."""
        Path("src").mkdir()
        Path(f"{shop.module}.py").rename(f"src/{shop.module}.py")

        assert "2 classes recorded" in shop.run("init", shop.module)


class TestRecord:
    """`init` and `record`."""

    def test_first_and_again(self, shop):
        """All classes are recorded once, and nothing is written again."""
        Path("pyproject.toml").write_text("[project]\nname = 'shop'\n")

        told = shop.run("init", shop.module)

        assert "wrote [tool.versionpickle] into pyproject.toml" in told
        assert f"wrote schemas/{shop.module}.order.json" in told
        assert f"wrote schemas/samples/{shop.module}.order/2-made.pickle" in told
        assert "name = 'shop'" in Path("pyproject.toml").read_text()
        assert "2 classes recorded\n" == shop.run("record")
        assert "2 classes, no findings\n" == shop.run("check")
        assert "there is a [tool.versionpickle] already" in shop.run("init", "a", status=2)

    def test_below_another_project(self, shop, tmp_path, monkeypatch):
        """A project in another one may have a configuration of its own."""
        shop.run("init", shop.module)
        inner = tmp_path / "inner"
        inner.mkdir()
        (tmp_path / f"{shop.module}.py").rename(inner / f"{shop.module}.py")
        (inner / "pyproject.toml").write_text("[project]\nname = 'inner'\n")
        shop.forget()
        monkeypatch.chdir(inner)

        assert "2 classes recorded" in shop.run("init", shop.module)

    def test_a_failing_init_changes_nothing(self, shop):
        """The configuration is taken back."""
        Path("pyproject.toml").write_text("[project]\n")

        shop.run("init", "no_such_module", status=2)

        assert "[project]\n" == Path("pyproject.toml").read_text()

    def test_samples_of_functions(self, shop):
        """Those marked with @sample are stored under their names."""
        shop.write(
            MODELS
            + """
from versionpickle.testing import sample

@sample(Order)
def cheap():
    return Order(1, Decimal("0.01"))

@sample(Order)
def dear():
    return [Order(2, Decimal(10**9))]
"""
        )

        shop.run("init", shop.module)

        samples = Path(f"schemas/samples/{shop.module}.order")
        assert ["2-cheap.json", "2-cheap.pickle", "2-dear.json", "2-dear.pickle"] == sorted(
            path.name for path in samples.iterdir()
        )
        assert pickle.loads((samples / "2-cheap.pickle").read_bytes()).number == 1

    def test_samples_are_never_rewritten(self, shop):
        """Another object of the same version changes no file."""
        shop.run("init", shop.module)
        path = Path(f"schemas/samples/{shop.module}.order/2-made.pickle")
        before = path.read_bytes()

        path.with_suffix(".json").unlink()
        told = shop.run("record")

        assert before == path.read_bytes()
        assert f"wrote schemas/samples/{shop.module}.order/2-made.json" in told

    def test_a_change_is_not_hidden(self, shop):
        """A class that changed at the same version, or moved, is left as it is."""
        shop.run("init", shop.module)
        path = Path(f"schemas/{shop.module}.order.json")
        before = path.read_text()
        shop.change(("number: int", "number: float"))

        told = shop.run("record", status=1)

        assert f"{shop.module}:Order is not recorded: it has changed" in told
        assert "1 class recorded" in told
        assert before == path.read_text()

    def test_a_class_whose_types_say_nothing(self, shop):
        """The cure is a function; the other classes are recorded."""
        shop.write(MODELS.replace("text: str", "text: 'Unheard'"))

        told = shop.run("init", shop.module, status=1)

        assert "no sample can be made from its types" in told
        assert "with @versionpickle.testing.sample(Line), in a module that modules" in told
        assert "2 classes recorded" in told
        assert Path(f"schemas/{shop.module}.Line.json").exists()
        assert ["there is no sample of it"] == [one["problem"] for one in shop.found()]

    @pytest.mark.parametrize("last", ["", "import sys; sys.exit()"])
    def test_nothing_to_guard(self, shop, last):
        """A module without versioned classes, or that ends the process, is a mistake."""
        shop.write(f"x = 1; {last}")

        told = shop.run("init", shop.module, status=2)

        assert ("cannot be imported" if last else "there is no versioned class in") in told
        assert not Path("pyproject.toml").exists()

    def test_a_stable_name_like_the_ref(self, shop):
        """Both have the same file, and the history goes on."""
        shop.run("init", shop.module)
        shop.change(
            (
                "@versioned\n@attrs.define\nclass Line",
                f"""@versioned(
    version=2, name="{shop.module}.Line")\n@attrs.define\nclass Line""",
            )
        )
        path = Path(f"{shop.module}.py")
        path.write_text(path.read_text() + "\nmigration(Line, 1, rename('text', 'text2'))\n")
        path.write_text(path.read_text().replace("text: str", "text2: str"))
        shop.forget()

        shop.run("record")

        schema = json.loads(Path(f"schemas/{shop.module}.Line.json").read_text())
        assert [1, 2] == [one["version"] for one in schema["versions"]]


class TestCheck:
    """`check`."""

    @pytest.fixture(autouse=True)
    def recorded(self, shop):
        shop.run("init", shop.module)

    def test_for_people(self, shop):
        """Findings stand by class, with place and cure."""
        shop.change(("number: int", "no: int"), ('"USD"', '"EUR"'))

        told = shop.run("check", status=1)

        assert f"{shop.module}:Order  {shop.module}.py:7\n" in told
        assert "the field 'number' was removed: int (or renamed to 'no'?)" in told
        assert "the field 'no' was added: int, and the version is still 2\n" in told
        assert "the default of 'currency' was 'USD', and is 'EUR'" in told
        assert (
            told.count("run 'versionpickle make --rename number=no', without a name behind the = ")
            == 1
        )
        assert (
            "or set version=3 and write migration(Order, 2, rename('number', 'no'), add(" in told
        )
        assert told.endswith("2 classes, 3 findings\n")

    def test_for_github(self, shop):
        """They are annotations of lines."""
        shop.change(("number: int", "number: float"))

        told = shop.run("check", "--format", "github", status=1)

        assert told.startswith(
            f"::error file={shop.module}.py,line=7,title={shop.module}%3AOrder::"
        )
        assert "the field 'number' was int, and is float" in told

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ([("version=2", "version=3")], "only versions up to 2 are recorded"),
            ([("version=2, ", "version=1, "), ("migration(", "(lambda *a: 0)(")], "it went back"),
            (
                [("version=2, ", 'version=2, transient="currency", ')],
                "the field 'currency' is now transient",
            ),
            (
                [("class Line:\n    text: str", "class Line(Order):\n    text: str = ''")],
                "it derives",
            ),
            ([("@attrs.define\nclass Order", "class Order")], "no longer declares its fields"),
            ([('version=2, name="{module}.order"', "version=2")], "it is recorded as"),
            ([("class Line:", "class Row:")], "this class is gone"),
            ([("@versioned\n@attrs.define\nclass Line", "class Line")], "this class is gone"),
        ],
    )
    def test_changes(self, shop, changes, problem):
        """Whatever is not as it was recorded is told."""
        shop.change(*((old.format(module=shop.module), new) for old, new in changes))

        assert any(problem in one["problem"] for one in shop.found())

    def test_two_classes_that_may_be_one(self, shop):
        """Nobody guesses which of them it is."""
        moved = [f"{shop.module}_a", f"{shop.module}_b"]
        source = Path(f"{shop.module}.py").read_text()
        line = source[source.index("@versioned\n") :]
        for name in moved:
            shop.write("import attrs\nfrom versionpickle import versioned\n" + line, f"{name}.py")
        shop.change((line, ""))
        modules = json.dumps([shop.module, *moved])
        Path("pyproject.toml").write_text(f"[tool.versionpickle]\nmodules = {modules}\n")

        told = shop.run("check", status=1)

        assert (
            f"if it is {moved[0]}:Line or {moved[1]}:Line now, that class needs formerly=" in told
        )

    def test_a_class_that_moved(self, shop):
        """Its new place is guessed."""
        moved = f"{shop.module}_moved"
        source = Path(f"{shop.module}.py").read_text()
        line = source[source.index("@versioned\n") :]
        shop.write("import attrs\nfrom versionpickle import versioned\n" + line, f"{moved}.py")
        shop.change((line, ""))
        modules = f'["{shop.module}", "{moved}"]'
        Path("pyproject.toml").write_text(f"[tool.versionpickle]\nmodules = {modules}\n")

        told = shop.run("check", status=1)

        assert f"if it is {moved}:Line now, that class needs formerly='{shop.module}:Line'" in told
        assert "nothing is recorded of this class" not in told

    def test_steps(self, shop):
        """Recorded fields are followed through operations; holes are told as well."""
        shop.change(("version=2", "version=4"), ("(Order, 1", "(Order, 2"))
        shop.run("record", status=1)

        found = shop.found()

        assert {(1, "no step leaves version 1"), (3, "no step leaves version 3")} <= {
            (one["version"], one["problem"]) for one in found
        }

    def test_steps_from_recorded_fields(self, shop):
        """They must be there for the operations."""
        shop.change(
            ("version=2", "version=3"),
            ("migration(Order", 'migration(Order, 2, rename("typo", "number"))\nmigration(Order'),
        )
        shop.run("record", status=1)

        assert any("there is no field 'typo'" in one["problem"] for one in shop.found())

    def test_samples(self, shop):
        """A sample must be there, load, and be what was recorded."""
        folder = Path(f"schemas/samples/{shop.module}.order")
        path = folder / "2-made.pickle"
        told = {}
        data, described = path.read_bytes(), (folder / "2-made.json").read_text()

        path.write_bytes(data[:-20])
        told["damaged"] = shop.found()
        path.write_bytes(data)
        (folder / "2-made.json").write_text(described.replace('"1.5"', '"2.5"'))
        told["other"] = shop.found()
        (folder / "2-made.json").write_text(described.replace('"2"', '"1"', 1))
        told["nothing"] = shop.found()
        path.unlink()
        told["missing"] = shop.found()

        assert {
            "damaged": "its sample 'made' does not load: ",
            "other": "its sample 'made' no longer loads as the object that was recorded",
            "nothing": "nothing records what its sample 'made' is today",
            "missing": "there is no sample of it",
        } == {
            case: next(text for text in TEXTS if text in one["problem"])
            for case, (one,) in told.items()
        }

    def test_samples_of_what_is_not_read_any_more(self, shop):
        """They may stay, and need not be there."""
        Path(f"schemas/samples/{shop.module}.order/1-old.pickle").write_bytes(b"damaged")
        shop.change(("version=2", "version=3, oldest=3"), ("migration(", "(lambda *a: 0)("))
        shop.run("record")

        assert "no findings" in shop.run("check")

    def test_samples_of_earlier_versions(self, shop):
        """Today's code cannot make them."""
        shop.change(("version=2", "version=3"), ("(Order, 1", "(Order, 2"))
        shop.run("record", status=1)
        Path(f"schemas/samples/{shop.module}.order/2-made.pickle").unlink()

        cures = [one["cure"] for one in shop.found()]

        assert any("check out the code of version 2" in cure for cure in cures)

    @pytest.mark.parametrize(
        ("name", "text", "problem"),
        [
            ("{module}.order.json", "<<<<<<< HEAD", "this is not a valid schema"),
            ("copy.json", None, "two files describe"),
            (
                "samples/{module}.order/new.pickle",
                "",
                "the name of a sample is its version and a word",
            ),
            (
                "samples/{module}.order/2-made.json",
                "{",
                "this is not a valid description of a sample",
            ),
        ],
    )
    def test_files_that_are_no_good(self, shop, name, text, problem):
        """They are named, with exit status 2."""
        order = Path(f"schemas/{shop.module}.order.json").read_text()
        Path("schemas", name.format(module=shop.module)).write_text(
            order if text is None else text
        )

        assert problem in shop.run("check", status=2)

    def test_a_class_that_cannot_be_described(self, shop):
        """Its declaration is what is wrong."""
        shop.write("""
            from versionpickle import Versioned
            import attrs

            @attrs.define
            class Late(Versioned, transient="typo"):
                a: int
        """)
        shop.forget()

        assert any("transient='typo' is not one of its fields" in str(o) for o in shop.found())

    def test_classes_that_nobody_looks_after(self, shop):
        """Objects of the project's own that have no version are found in the samples."""
        shop.write(
            MODELS.replace('currency: str = "USD"', "part: Part").replace(
                "@versioned(version=2",
                "@attrs.define\nclass Part:\n    a: int\n\n@versioned(version=3",
            )
            + 'migration(Order, 2, rename("currency", "part"))\n'
        )
        shop.forget()
        shop.run("record", status=1)

        (found,) = shop.found()
        problem = (
            f"its objects hold some of {shop.module}:Part in 'part', which versionpickle.loads"
        )
        assert found["problem"].startswith(problem)
        assert ("part", "put @versioned on Part") == (found["field"], found["cure"])

    def test_classes_of_others(self, shop):
        """Those that the project adopts belong to it, those of its packages do not."""
        shop.write(
            MODELS + "import fractions\nimport versionpickle\n"
            "import statistics\nversionpickle.adopt(statistics.NormalDist)\n"
        )
        shop.forget()

        assert "nothing is recorded of this class" in str(shop.found())

    def test_classes_without_source(self, shop):
        """Their findings have no place."""
        path = Path(f"{shop.module}.py")
        path.write_text(f"exec({path.read_text().replace('number', 'no')!r})")
        shop.forget()

        assert {None} == {one["line"] for one in shop.found()}


TEXTS = (
    "its sample 'made' does not load: ",
    "its sample 'made' no longer loads as the object that was recorded",
    "nothing records what its sample 'made' is today",
    "there is no sample of it",
)


@pytest.mark.parametrize(
    ("adoption", "place"),
    [
        ("versionpickle.adopt(library.Price, version=2)", ("{module}.py", 3)),
        (
            "(lambda cls: versionpickle.adopt(cls, version=2))(library.Price)",
            ("{module}_library.py", 3),
        ),
    ],
)
def test_an_adopted_class_changes(shop, adoption, place):
    """It is told where the project adopts it, if that is found, and no step is blamed."""
    library = shop.write(
        "import attrs\n\n@attrs.define\nclass Price:\n    was: int\n", "{module}_library.py"
    )
    shop.write(
        f"import versionpickle, {library.stem} as library\n"
        "from versionpickle.migrations import add\n"
        f"{adoption}\n"
        "versionpickle.migration(library.Price, 1, add('was', 1))\n"
    )
    shop.run("init", shop.module)
    library.write_text(library.read_text().replace("was", "is_now"))
    sys.modules.pop(library.stem)
    shop.forget()

    found = shop.found()

    assert ["changed", "changed"] == [one["kind"] for one in found]
    assert {(place[0].format(module=shop.module), place[1])} == {
        (one["file"], one["line"]) for one in found
    }


def test_what_became_of_a_class_may_be_said(shop):
    """A retired class is not gone."""
    shop.run("init", shop.module)
    shop.write(MODELS.replace("Line", "Row") + "from versionpickle import retire\n")
    path = Path(f"{shop.module}.py")
    path.write_text(path.read_text() + f"retire('{shop.module}:Line')\n")
    shop.forget()

    assert "this class is gone" not in shop.run("check", status=1)


def test_a_file_in_place_of_a_folder(shop):
    """What the system says is one sentence."""
    Path("schemas").touch()

    assert f"Error: {Path.cwd() / 'schemas'}: File exists\n" in shop.run(
        "init", shop.module, status=2
    )


def test_reads_as_a_user(shop):
    """Without permission to read, the error is one sentence."""
    Path("pyproject.toml").mkdir()

    assert "no [tool.versionpickle]" in shop.run("check", status=2)


class Rule:
    def __init__(self, limit):
        self.limit = limit

    def __call__(self, number):
        return number < self.limit


class ByName:
    def __reduce__(self):
        return "BY_NAME"


BY_NAME = ByName()


class TestPortrait:
    """An object as JSON."""

    def test_of_everything(self):
        """Values, containers, cycles, and objects by what they reduce to."""
        loop = []
        loop += [loop, float("inf"), {1, 2}, frozenset({"a"}), len, TestPortrait, 1j]

        told = snapshot(loop)

        assert [
            {"seen": 0},
            {"float": "inf"},
            {"set": [1, 2]},
            {"frozenset": ["a"]},
            {"name": "builtins:len"},
            {"name": f"{__name__}:TestPortrait"},
            {"complex": "1j"},
        ] == told
        json.dumps(told)

    def test_of_objects(self):
        """Arguments, states, items and pairs are told apart."""
        pairs = {"class": "collections:OrderedDict", "pairs": [{"tuple": ["a", 1]}]}
        items = {"class": "collections:deque", "args": [{"tuple": []}, 3], "items": [1]}

        assert pairs == snapshot(collections.OrderedDict(a=1))
        assert items == snapshot(collections.deque([1], 3))
        assert {"class": f"{__name__}:ByName", "name": "BY_NAME"} == snapshot(BY_NAME)
        assert {"class": f"{__name__}:Rule", "state": {"dict": [["limit", 5]]}} == snapshot(
            Rule(5)
        )
        assert {"class": "re:Pattern", "args": ["a", 32]} == snapshot(re.compile("a"))
        assert snapshot(pathlib.PurePosixPath("a"))["class"].startswith("pathlib:Pure")
        assert not is_same(snapshot([1, True]), snapshot([1.0, 1]))
        for name in models.MADE.keys() - {"apart", "whole"}:
            json.dumps(snapshot(models.MADE[name]()))


@pytest.fixture
def classes(monkeypatch):
    """Makes a module of these classes."""

    def make(source):
        module = types.ModuleType("examples_of_test")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(HEAD + source, "examples", "exec", dont_inherit=True), vars(module))
        return module

    return make


class TestExample:
    """An object made of the types of its fields."""

    @pytest.mark.parametrize(
        "kind",
        [
            "int",
            "list[str]",
            "dict[str, int]",
            "tuple[int, str]",
            "set[int]",
            "Optional[int]",
            "int | None",
            "Literal['a']",
            "Annotated[int, 5]",
            "Mapping[str, int]",
            "Path",
            "Sequence[int]",
            "list",
            "Colour",
            "datetime",
            "Any",
            "deque[int]",
            "OrderedDict[str, int]",
        ],
    )
    def test_of_types(self, kind, classes):
        """Each has one."""
        cls = classes(f"@attrs.define\nclass C:\n    _a: {kind}\n").C

        assert isinstance(example(cls), cls)

    def test_of_recursive_types(self, classes):
        """A class that holds itself is empty there, or None."""
        module = classes(TREE)

        found = example(module.Tree)

        assert ([], None) == (found.children, found.parent)
        with pytest.raises(ProjectError, match="is not specific enough"):
            example(module.Leaf)

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ("def __init__(self, a): pass", "does not declare the type of 'a'"),
            ("def __init__(self, a: int): raise ValueError(a)", "raises ValueError"),
        ],
    )
    def test_what_cannot_be_made(self, body, problem, classes):
        """It is told, and what to do."""
        with pytest.raises(ProjectError, match=problem):
            example(classes(f"class C:\n    {body}").C)

    @pytest.mark.parametrize("kind", ["List", "Counter[str]", "Callable[[int], str]", "type[int]"])
    def test_of_types_that_tell_too_little(self, kind, classes):
        """They are told, too."""
        with pytest.raises(ProjectError, match="is not specific enough"):
            example(classes(f"@attrs.define\nclass C:\n    a: {kind}\n").C)

    def test_of_what_has_no_signature(self, classes):
        """It is called without arguments."""
        assert 0 == example(classes("class C(int):\n    pass").C)

    def test_only_what_it_needs(self, classes):
        """A class that declares no fields gets the arguments without defaults."""
        cls = classes("class C:\n    def __init__(self, a: int, b=5, *c, **d): self.all = a, b").C

        assert (1, 5) == example(cls).all


HEAD = """
import attrs, enum
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, List, Literal, Optional
class Colour(enum.Enum):
    RED = 1
"""
TREE = """
@attrs.define
class Tree:
    parent: "Optional[Tree]"
    children: "list[Tree]"
@attrs.define
class Leaf:
    other: "Leaf"
"""


def test_a_project_of_another_user(tmp_path, monkeypatch):
    """What it names is not imported, unless its folder is named."""
    (tmp_path / "pyproject.toml").write_text('[tool.versionpickle]\nmodules = ["shop"]\n')
    inside = tmp_path / "a folder"
    inside.mkdir()
    tmp_path.chmod(0o777)
    monkeypatch.setattr("os.geteuid", lambda: 54321, raising=False)

    with pytest.raises(ProjectError, match="belongs to another user.*VERSIONPICKLE_PROJECT="):
        configuration(inside)

    monkeypatch.setenv("VERSIONPICKLE_PROJECT", str(tmp_path))
    assert ("shop",) == configuration(inside).modules


STRANGER = 54321


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root gives files away"
)
class TestFilesOfAStranger:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "project"
        folder.mkdir()
        (folder / "pyproject.toml").write_text('[tool.versionpickle]\nmodules = ["shop"]\n')
        return folder

    def refused(self, folder):
        with pytest.raises(ProjectError, match="belongs to another user"):
            configuration(folder)

    def test_file(self, folder):
        """Root does not trust them either."""
        os.chown(folder / "pyproject.toml", STRANGER, STRANGER)
        self.refused(folder)

    def test_folder(self, folder):
        """Who owns the folder can put modules into it."""
        os.chown(folder, STRANGER, STRANGER)
        self.refused(folder)

    def test_link(self, folder, tmp_path):
        """Wherever it leads: its folder is where modules are imported from."""
        other = tmp_path / "other"
        other.mkdir()
        (other / "pyproject.toml").symlink_to(folder / "pyproject.toml")
        os.chown(other / "pyproject.toml", STRANGER, STRANGER, follow_symlinks=False)
        self.refused(other)

    def test_own(self, folder):
        assert ("shop",) == configuration(folder).modules
