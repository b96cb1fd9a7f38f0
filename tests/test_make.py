"""`versionpickle make`: the next version of a class, its step, and what it was called."""

from __future__ import annotations

import json
import pickle
import sys

from pathlib import Path

import pytest

from click.testing import CliRunner
from shops import shop_in

from versionpickle._classes.declare import versioned
from versionpickle._cli.main import main
from versionpickle._project.make.answers import (
    Answer,
    Answers,
    NonInteractive,
    checked_code,
    names_in,
)
from versionpickle._project.make.plan import plan
from versionpickle._project.make.write import record_all, write
from versionpickle._project.moving import move_samples
from versionpickle._project.project import load_project
from versionpickle._project.type_texts import accepts
from versionpickle.exceptions import ProjectError
from versionpickle.migrations import default_registry


MODELS = """\
import enum
from decimal import Decimal
from typing import Any

import attrs

from versionpickle import Versioned, versioned


@versioned(version=2, oldest=2, name="{module}.order")
@attrs.define
class Order:
    number: int
    amount: float = 1.5
    currency: str = "USD"


@versioned
@attrs.define
class Line:
    text: str
    order: Order


@versioned
class Colour(enum.Enum):
    RED = 1
    GREEN = 2
"""


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as made:
        made.write(MODELS)
        made.run("init", made.module)
        yield made


class Made:
    """What `make` did."""

    def __init__(self, shop, *arguments, status=0, typed=None):
        shop.forget()
        before = {path: path.read_bytes() for path in files(shop)}
        done = CliRunner().invoke(main, ["make", *arguments], input=typed)
        assert status == done.exit_code, done.output
        self.told = done.output
        self.source = (shop.folder / f"{shop.module}.py").read_text()
        for name in [name for name in sys.modules if shop.module in name]:
            del sys.modules[name]
        default_registry._step_modules._imported.clear()
        self.changed = {
            path.name for path in files(shop) if before.get(path) != path.read_bytes()
        } | {path.name for path in before if not path.exists()}
        shop.forget()


def files(shop):
    return [p for p in shop.folder.rglob("*") if p.is_file() and p.suffix != ".pyc"]


def is_clean(shop):
    return "no findings" in shop.run("check")


EXACT = "lambda value: float(value) if float(value) == value else value"


class TestSteps:
    """Each change has its operation."""

    @pytest.mark.parametrize(
        ("old", "new", "options", "step"),
        [
            ("    number: int\n", "", [], 'remove("number")'),
            (
                "    number: int\n",
                "    no: int\n",
                ["--rename", "number=no"],
                'rename("number", "no")',
            ),
            (
                "    number: int\n",
                "    no: Decimal\n",
                ["--rename", "Order.number=no"],
                'rename("number", "no"), convert("no", Decimal)',
            ),
            (
                "    number: int\n",
                "    no: int\n",
                ["--rename", "number=", "--add", "no=5"],
                'add("no", 5), remove("number")',
            ),
            ("number: int", "number: Decimal", [], 'convert("number", Decimal)'),
            (
                "number: int",
                "number: float",
                [],
                f'convert("number", {EXACT})',
            ),
            (
                "number: int",
                "given: str\n    family: str",
                ["--split", "number=given,family", "--convert", "number=lambda n: (str(n), '')"],
                'split("number", ["given", "family"], lambda n: (str(n), ""))',
            ),
            (
                "    number: int\n    amount: float = 1.5\n",
                "    total: float\n",
                ["--merge", "number,amount=total", "--convert", "total=lambda n, a: n * a"],
                'merge(["number", "amount"], "total", lambda n, a: n * a)',
            ),
            (
                "number: int",
                "number: list[int]",
                ["--convert", "number=lambda n: [n]"],
                'convert("number", lambda n: [n])',
            ),
            (
                "number: int",
                "number: float",
                ["--convert", "number=float"],
                'convert("number", float)',
            ),
            (
                "number: int",
                "number: int\n    paid: bool",
                ["--add", "paid=False"],
                'add("paid", False)',
            ),
            (
                "number: int",
                "number: int\n    tags: list",
                ["--add", "tags=[]"],
                'add("tags", factory=list)',
            ),
            (
                "number: int",
                "number: int\n    tags: list",
                ["--add", "tags=list"],
                'add("tags", factory=list)',
            ),
            (
                "number: int",
                "number: int\n    tags: list = attrs.field(factory=list, kw_only=True)",
                [],
                'add("tags", factory=list)',
            ),
            (
                "number: int",
                "number: int\n    price: Any = attrs.field(default=Decimal(5), kw_only=True)",
                ["--add", "price=Decimal(4)"],
                'add("price", Decimal(4))',
            ),
            (
                "number: int",
                "number: int\n    size: int",
                ["--add", "size=len"],
                'add("size", compute=len)',
            ),
            (
                "number: int",
                "number: int\n    kind: Any",
                ["--add", "kind=Decimal"],
                'add("kind", Decimal)',
            ),
            (
                "number: int",
                "number: int\n    total: Decimal",
                ["--add", "{module}:Order.total=lambda state: Decimal(state['amount'])"],
                'add("total", compute=lambda state: Decimal(state["amount"]))',
            ),
            ('"USD"', '"EUR"', [], 'add("currency", "USD", exist_ok=True)'),
            (
                '"USD"',
                '"EUR"\n    unit: str = "m"',
                [],
                'add("unit", "m"), add("currency", "USD", exist_ok=True)',
            ),
            ("oldest=2", 'oldest=2, transient="currency"', [], 'remove("currency")'),
        ],
    )
    def test_operations(self, shop, old, new, options, step):
        """And all that was stored still loads."""
        shop.change((old, new))
        options = [option.replace("{module}", shop.module) for option in options]

        made = Made(shop, *options, "--no-input", "Order")

        assert f"migration(Order, 2, {step})" in made.source.replace("\n    ", " ").replace(
            "( ", "("
        ).replace(",\n)", ")")
        assert "@versioned(version=3, oldest=2" in made.source
        assert {
            f"{shop.module}.py",
            f"{shop.module}.order.json",
            "2-made.json",
            "3-made.json",
            "3-made.pickle",
        } <= made.changed
        assert is_clean(shop)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("number: int", "number: int | None"),
            ("number: int", "number: Any"),
            ("number: int", "number: object"),
            ("number: int", "number: int = 5"),
        ],
    )
    def test_nothing_to_do(self, shop, old, new):
        """Where old values are good as they are, the step says so."""
        shop.change((old, new))

        made = Made(shop)

        state = "dict[str, Any]"
        head = f"@migration(Order, 2)\ndef order_2_to_3(state: {state}) -> {state}:\n"
        assert f"\n\n\n{head}    return state\n\n\n@v" in made.source
        assert is_clean(shop)

    def test_transient_no_more(self, shop):
        """The field has its default in old objects."""
        shop.change(("oldest=2", 'oldest=2, transient="currency"'))
        Made(shop)
        shop.change((', transient="currency"', ""), ('"USD"', '"EUR"'))

        made = Made(shop)

        assert 'migration(Order, 3, add("currency", "EUR"))' in made.source
        assert is_clean(shop)

    def test_members(self, shop):
        """Steps of enums speak of names."""
        shop.change(("RED", "CRIMSON"), ("GREEN = 2", "GREEN = 2\n    BLUE = 3"))

        made = Made(shop, "--rename", "Colour.RED=CRIMSON")

        step = 'convert("name", lambda name: {"RED": "CRIMSON"}.get(name, name))'
        assert f"migration(Colour, 1, {step})" in made.source
        assert is_clean(shop)
        sample = shop.folder / "schemas" / "samples" / f"{shop.module}.Colour" / "1-made.pickle"
        assert pickle.loads(sample.read_bytes()).name == "CRIMSON"

    def test_members_that_came(self, shop):
        """Change nothing for old ones."""
        shop.change(("GREEN = 2", "GREEN = 2\n    BLUE = 3"))

        assert "def colour_1_to_2(state: dict[str, Any]) -> " in Made(shop).source
        assert is_clean(shop)

    def test_members_that_went(self, shop):
        """Somebody has to say what they are today."""
        shop.change(("    GREEN = 2\n", ""))

        made = Made(shop, "--rename", "GREEN=", status=2)

        assert "it is not known which member 'GREEN' is today; pass --rename GREEN=" in made.told
        assert '{"GREEN": "RED"}.get(name, name)' in Made(shop, "--rename", "GREEN=RED").source
        assert is_clean(shop)

    def test_step_by_step(self, shop):
        """The next step follows the last."""
        shop.change(('"USD"', '"EUR"'))
        Made(shop)
        shop.change(('"EUR"', '"CHF"'))

        made = Made(shop)

        assert (
            'migration(Order, 2, add("currency", "USD", exist_ok=True))\n'
            'migration(Order, 3, add("currency", "EUR", exist_ok=True))\n\n\n@versioned\n'
        ) in made.source
        assert (
            made.source.count("import migration") + made.source.count("Versioned, migration, v")
            == 1
        )
        assert is_clean(shop)


class TestBases:
    """Classes that derive from each other."""

    BASE = """

@versioned
@attrs.define
class Animal:
    legs: int


@versioned
@attrs.define
class Dog(Animal):
    name: str
"""

    @pytest.fixture(autouse=True)
    def with_base(self, shop):
        shop.write(MODELS + self.BASE)
        shop.forget()
        shop.run("record")

    def test_a_base_changes(self, shop):
        """Its subclass needs no step of its own, and is recorded."""
        shop.change(("legs: int", "feet: int"))
        assert {f"{shop.module}:Animal"} == {one["ref"] for one in shop.found()}

        made = Made(shop, "--rename", "legs=feet")

        assert "migration(Dog" not in made.source
        assert f"{shop.module}.Dog.json" in made.changed
        assert is_clean(shop)

    def test_a_base_is_raised_by_hand(self, shop):
        """Its subclass wants to be recorded."""
        shop.change(
            ("legs: int", "feet: int"),
            (
                "@versioned\n@attrs.define\nclass Animal",
                "@versioned(2)\n@attrs.define\nclass Animal",
            ),
            (
                "\n\n@versioned\n@attrs.define\nclass Dog",
                (
                    "from versionpickle import migration\n"
                    "from versionpickle.migrations import rename\n"
                    "migration(Animal, 1, rename('legs', 'feet'))\n"
                    "@versioned\n@attrs.define\nclass Dog"
                ),
            ),
        )

        problems = [one["problem"] for one in shop.found() if one["ref"] == f"{shop.module}:Dog"]

        assert "a base of it has another version than was recorded" == problems[0]
        shop.forget()
        shop.run("record")
        shop.forget()
        assert is_clean(shop)

    def test_both_change(self, shop):
        """Each step says what is its own."""
        shop.change(("legs: int", "feet: int"), ("name: str", "call: str"))

        made = Made(shop, "--rename", "legs=feet", "--rename", "Dog.name=call")

        assert 'migration(Animal, 1, rename("legs", "feet"))' in made.source
        assert 'migration(Dog, 1, rename("name", "call"))' in made.source
        assert is_clean(shop)

    def test_a_base_gets_another_name(self, shop):
        """Its subclass is recorded with the new name, and needs no step."""
        shop.change(("class Animal", "class Beast"), ("class Dog(Animal)", "class Dog(Beast)"))

        made = Made(shop, "--renamed", "Animal=Beast")

        assert "migration(Dog" not in made.source
        assert is_clean(shop)

    def test_a_base_moves(self, shop):
        """Its subclass goes with it."""
        moved = f"{shop.module}_moved"
        base = self.BASE[: self.BASE.index("@versioned\n@attrs.define\nclass Dog")]
        shop.change((base, f"\nfrom {moved} import Animal\n"))
        shop.write(f"import attrs\nfrom versionpickle import versioned\n{base}", f"{moved}.py")
        modules = f'["{shop.module}", "{moved}"]'
        Path("pyproject.toml").write_text(f"[tool.versionpickle]\nmodules = {modules}\n")

        Made(shop)

        assert is_clean(shop)
        dog = shop.folder / "schemas" / f"{shop.module}.Dog.json"
        assert f'"bases": {{"{moved}:Animal": 1}}' in dog.read_text()

    def test_another_base(self, shop):
        """Is the user's business."""
        shop.change(("class Dog(Animal):", "class Dog(Versioned):"))

        told = Made(shop, status=2).told

        assert "it derived from" in told
        assert "write version=2 into the declaration of Dog yourself, and its step" in told


class TestQuestions:
    """What only the user knows."""

    def test_renamed(self, shop):
        """Each possible name is asked for, until one fits."""
        shop.change(("    number: int\n", "    no: int\n    num: int\n"))

        made = Made(shop, "--input", typed="n\ny\n5 +\n7\n")

        assert "was 'number' renamed to 'no'?" in made.told
        assert "was 'number' renamed to 'num'?" in made.told
        assert "what is the 'no' (int) of old objects?" in made.told
        assert "this is not an expression" in made.told
        assert 'migration(Order, 2, rename("number", "num"), add("no", 7))' in made.source
        assert is_clean(shop)

    def test_a_function(self, shop):
        """Is asked for where no call makes the new type."""
        shop.change(("number: int", "number: list[int]"))

        made = Made(shop, "--input", typed="lambda n: [n]\n")

        assert "which function makes list[int]'s 'number' of int?" in made.told
        assert is_clean(shop)

    @pytest.mark.parametrize(
        ("old", "new", "cure"),
        [
            (
                "    number: int\n",
                "    no: int\n",
                "pass --rename number=no if so, or --rename number= if not",
            ),
            ("    number: int\n", "    number: int\n    no: int\n", "pass --add no=CODE"),
            ("number: int", "number: list[int]", "pass --convert number=CODE"),
            ("number: int", "number: str", "pass --convert number=CODE"),
            ("number: int", "number: bool", "pass --convert number=CODE"),
            ("amount: float", "amount: int", "pass --convert amount=CODE"),
            (
                "number: int\n",
                "amount_due: str = ''\n",
                "pass --rename number=amount_due if so, or --rename number= if not",
            ),
        ],
    )
    def test_nobody_to_ask(self, shop, old, new, cure):
        """Nothing is guessed, and nothing written."""
        shop.change((old, new))

        made = Made(shop, status=2)

        assert made.told.endswith(f"{cure}\n")
        assert set() == made.changed

    def test_none_among_old_values(self, shop):
        """A type is not called with it."""
        shop.change(("number: int", "number: int | None"))
        Made(shop)
        shop.change(("number: int | None", "number: int"))

        assert "pass --convert number=CODE" in Made(shop, status=2).told
        Made(shop, "--convert", "number=lambda n: n or 0")
        assert is_clean(shop)

    def test_types_that_nobody_knows(self, shop):
        """They are asked for as well."""
        shop.change(("number: int", "number: 'Unheard'"))

        assert "pass --convert number=CODE" in Made(shop, status=2).told

    @pytest.mark.parametrize(
        ("option", "problem"),
        [
            (["--rename", "number"], "'number' has no field and no '='"),
            (["--add", "a b=5"], "'a b=5' has no field"),
            (["--rename", "number=amnt"], "there is no new 'amnt' that 'number' could have been"),
            (["--rename", "number=", "--add", "no=5 5"], "this is not an expression"),
            (["--rename", "number=", "--add", "no=Unknown(5)"], "has no name 'Unknown', which"),
            (
                ["--rename", "number=no", "--add", "other=5"],
                "it names other, which a changed class has no use for",
            ),
            (["--rename", "Line.number=no"], "pass --rename number=no if so"),
            (["Odrer"], "the project has no such class"),
            (["--rename", "number=", "--add", "no='x'"], "'x' is not a value of 'no'"),
            (["--split", "number=no,none"], "--split: no field 'none' was added"),
            (["--merge", "amount,number=no"], "--merge: no field 'amount' was removed"),
            (["--rename", "number=no", "--split", "a=b,c"], "it names a, which a changed class"),
            (["--split", "Order.a=b,c"], "--split: no field 'a' was removed"),
            (["--split", "number,amount=no"], "write --split name=given,family"),
            (["--renamed", "Gone=Order"], "no classes are called Gone"),
        ],
    )
    def test_options_that_do_not_fit(self, shop, option, problem):
        """Is told before anything is written."""
        shop.change(("    number: int\n", "    no: int\n"))

        made = Made(shop, *option, status=2)

        assert problem in made.told
        assert set() == made.changed

    def test_untold(self):
        """What a question is about is told where nobody answers."""
        answers = Answers([Answer("rename", "Order", ("a",), "")], NonInteractive())

        assert answers.renamed(("m:Order", "Order"), "a", ["b"]) is None
        assert [] == [*answers.unused()]
        with pytest.raises(ProjectError, match="was 'c' renamed to 'b'"):
            answers.renamed(("m:Order", "Order"), "c", ["b"])

    @pytest.mark.parametrize("code", ["5 5", "x = 5", "", "(", "\0"])
    def test_no_expressions(self, code):
        """Code is an expression."""
        with pytest.raises(ProjectError, match="this is not an expression"):
            checked_code(code, "--add")

    def test_names(self):
        """Of an expression are those that it does not bind itself."""
        assert {"a", "d", "h"} == names_in("[b for b in a if b] + d.e(f=lambda g=1: g + h)")


class TestPlaces:
    """Which files are edited."""

    def test_dry_run(self, shop):
        """Nothing is: the diff is shown."""
        shop.change(('"USD"', '"EUR"'))

        made = Made(shop, "--dry-run")

        assert set() == made.changed
        assert f"--- a/{shop.module}.py\n+++ b/{shop.module}.py\n" in made.told
        assert '+@versioned(version=3, oldest=2, name="' in made.told
        assert '+migration(Order, 2, add("currency", "USD", exist_ok=True))\n' in made.told

    def test_a_class_at_a_time(self, shop):
        """The others stay as they are, also their records."""
        shop.change(('"USD"', '"EUR"'), ("text: str", "text: object"))

        made = Made(shop, "Line")

        assert f"{shop.module}.order.json" not in made.changed
        assert "1 class made\n" in made.told
        assert {"Order", "Line"} == {one["ref"].partition(":")[2] for one in shop.found()}
        assert "its sample 'made' holds" in shop.run("record", status=1)  # an Order

    def test_nothing_has_changed(self, shop):
        """And so nothing is."""
        made = Made(shop)

        assert "no class has changed without a new version\n" == made.told
        assert set() == made.changed

    def test_what_was_raised_by_hand(self, shop):
        """Is to be recorded, and what went back is not made."""
        shop.change(("version=2, oldest=2", "version=3, oldest=3"))
        assert "no class has changed" in Made(shop).told
        shop.run("record", status=1)  # the sample of Line holds an order of version 2
        shop.change(("version=3, oldest=3", "version=2, oldest=2"))

        assert (
            "version 3 is recorded already: it went back; set version=3"
            in Made(shop, status=2).told
        )

    def test_new_classes(self, shop):
        """They are recorded with the others."""
        shop.change(('"USD"', '"EUR"'))
        with (shop.folder / f"{shop.module}.py").open("a") as file:
            file.write("@versioned\nclass New: pass\n")

        assert f"{shop.module}.New.json" in Made(shop).changed
        assert is_clean(shop)

    def test_some_are_refused(self, shop):
        """The rest is made, and the exit status says so."""
        shop.change(
            ('"USD"', '"EUR"'), ("text: str", "text: object"), ("version=2", "version=1 + 1")
        )

        made = Made(shop, status=2)

        assert "does not write its version as plain numbers" in made.told
        assert "def line_1_to_2(state: dict[str, Any]) -> dict[str, Any]:" in made.source
        assert f"{shop.module}.order.json" not in made.changed

    def test_adopted(self, shop):
        """The step stands behind the adoption."""
        source = (
            f"{MODELS}\n\nclass Plain:\n    __slots__ = ('a',)\n    a: int\n\n\n"
            "import versionpickle\n\ntake_on = versionpickle.adopt\ntake_on(Plain)\n"
        )
        shop.write(source)
        shop.forget()
        shop.run("record")
        shop.change(("('a',)", "('b',)"), ("    a: int\n", "    b: int\n"))

        made = Made(shop, "--rename", "a=b")

        step = 'versionpickle.migration(Plain, 1, versionpickle.migrations.rename("a", "b"))'
        assert f"take_on(Plain, version=2)\n\n\n{step}\n" in made.source
        assert is_clean(shop)


class TestStepModules:
    """Classes whose steps stand elsewhere."""

    def test_a_new_package(self, shop):
        """Is made, with what it has to import, and shared."""
        steps = f"{shop.module}_steps.orders"
        shop.change(
            ("oldest=2", f'oldest=2, migrations="{steps}"'),
            (
                "@versioned\n@attrs.define\nclass Line",
                f'@versioned(migrations="{steps}")\n@attrs.define\nclass Line',
            ),
            ('"USD"', '"EUR"'),
            ("text: str", "text: object"),
        )

        dry = Made(shop, "--dry-run")
        made = Made(shop)

        assert f"--- /dev/null\n+++ b/{shop.module}_steps/orders.py\n" in dry.told
        folder = shop.folder / f"{shop.module}_steps"
        assert b"" == (folder / "__init__.py").read_bytes()
        assert (
            '"""Steps that lead old data to today\'s classes."""\n\n'
            "from typing import Any\n\n"
            "from versionpickle import migration\n"
            "from versionpickle.migrations import add\n\n"
            f"from {shop.module} import Line, Order\n\n\n"
            'migration(Order, 2, add("currency", "USD", exist_ok=True))\n\n\n'
            "@migration(Line, 1)\n"
            "def line_1_to_2(state: dict[str, Any]) -> dict[str, Any]:\n    return state\n"
        ) == (folder / "orders.py").read_text()
        assert "migration(" not in made.source
        assert is_clean(shop)

    def test_one_that_is_there(self, shop):
        """Is gone on with, in its own manner."""
        steps = f"{shop.module}_steps"
        shop.write(
            "import versionpickle as vp\n"
            f"vp.migration('{shop.module}:Order', 1, vp.migrations.remove('x'))\n",
            f"{steps}.py",
        )
        shop.change(
            ("oldest=2", f'migrations="{steps}"'),
            ("number: int", "number: Decimal"),
            ("class Order:", "class Order:\n    'Has a sample of its own.'"),
        )

        Made(shop, "--convert", "number=lambda n: Decimal(n)")

        assert (
            "vp.migration('{module}:Order', 1, vp.migrations.remove('x'))\n"
            "vp.migration(\n    '{module}:Order',\n    2,\n"
            '    vp.migrations.convert("number", lambda n: Decimal(n)),\n)\n'
        ).replace("{module}", shop.module) in (shop.folder / f"{steps}.py").read_text()
        text = (shop.folder / f"{steps}.py").read_text()
        assert text.startswith(
            f"import versionpickle as vp\n\nfrom {shop.module} import Decimal\n"
        )

    def test_an_empty_one(self, shop):
        """Is filled."""
        steps = f"{shop.module}_steps"
        shop.write("", f"{steps}.py")
        shop.change(("oldest=2", f'oldest=2, migrations="{steps}"'), ('"USD"', '"EUR"'))

        Made(shop)

        assert (
            f"\n\nfrom {shop.module} import Order\n" in (shop.folder / f"{steps}.py").read_text()
        )
        assert is_clean(shop)

    def test_its_own(self, shop):
        """May be the one of the class."""
        shop.change(("oldest=2", f'oldest=2, migrations="{shop.module}"'), ('"USD"', '"EUR"'))

        assert "migration(Order, 2" in Made(shop).source

    @pytest.mark.parametrize(
        ("text", "problem"),
        [("1 / 0", "ZeroDivisionError"), ("import no_such", "ModuleNotFoundE")],
    )
    def test_a_broken_one(self, shop, text, problem):
        """Is to be mended first."""
        steps = f"{shop.module}_steps"
        shop.write(text, f"{steps}.py")
        shop.change(("oldest=2", f'oldest=2, migrations="{steps}"'), ('"USD"', '"EUR"'))

        told = Made(shop, status=2).told

        assert f"its migrations='{steps}' cannot be imported ({problem}" in told

    def test_below_a_package(self, shop):
        """It is made where the package is."""
        package = shop.folder / "inner" / f"{shop.module}_pack"
        (package / "there").mkdir(parents=True)
        (package / "__init__.py").touch()
        sys.path.insert(0, str(package.parent))
        steps = f"{shop.module}_pack.there.order"
        shop.change(("oldest=2", f'oldest=2, migrations="{steps}"'), ('"USD"', '"EUR"'))

        told = Made(shop, "--dry-run").told

        assert f"+++ b/inner/{shop.module}_pack/there/order.py" in told

    def test_below_a_module(self, shop):
        """Nothing can be."""
        steps = f"{shop.module}.order"
        shop.change(("oldest=2", f'oldest=2, migrations="{steps}"'), ('"USD"', '"EUR"'))

        told = Made(shop, status=2).told

        assert "the new code" in told


class TestMoves:
    """Classes that have moved to another module."""

    def move(self, shop, *, names=("Line",), change=("", "")):
        """Let a class stand in another module."""
        path = shop.folder / f"{shop.module}.py"
        head = "import attrs\nfrom typing import Any\nfrom versionpickle import versioned\n"
        line = "@versioned\n@attrs.define\nclass Line:\n    text: str\n    order: object\n"
        path.write_text(path.read_text().replace("\n    order: Order", "\n    order: object"))
        Made(shop)
        shop.change((line.replace("@versioned", "@versioned(version=2)"), ""))
        source = path.read_text()
        start = source.index("@migration(Line, 1)")
        step = source[start : source.index("\n\n\n", start)]
        path.write_text(source.replace(step, ""))
        moved = f"{shop.module}_moved"
        text = (
            head
            + line.replace("@versioned", "@versioned(version=2)")
            + "from versionpickle import migration\n"
            + step
            + "\n"
        )
        shop.write(text.replace(*change), f"{moved}.py")
        modules = f'["{shop.module}", "{moved}"]'
        Path("pyproject.toml").write_text(f"[tool.versionpickle]\nmodules = {modules}\n")
        sys.modules.pop(moved, None)
        return moved

    def made(self, shop, moved, *options):
        made = Made(shop, *options)
        sys.modules.pop(moved, None)
        return made

    def test_history_goes_on(self, shop):
        """Its files are called by its new name, and no sample is written anew."""
        moved = self.move(shop)
        samples = shop.folder / "schemas" / "samples"
        before = (samples / f"{shop.module}.Line" / "1-made.pickle").read_bytes()

        made = self.made(shop, moved)

        text = (shop.folder / f"{moved}.py").read_text()
        assert f'@versioned(version=2, formerly="{shop.module}:Line")\n' in text
        assert before == (samples / f"{moved}.Line" / "1-made.pickle").read_bytes()
        assert not (samples / f"{shop.module}.Line").exists()
        schema = json.loads((shop.folder / "schemas" / f"{moved}.Line.json").read_text())
        assert [1, 2] == [one["version"] for one in schema["versions"]]
        assert f"{shop.module}.Line.json" in made.changed
        assert not (shop.folder / "schemas" / f"{shop.module}.Line.json").exists()
        assert is_clean(shop)

    def test_moved_and_changed(self, shop):
        """Both are said at once."""
        moved = self.move(shop, change=("text: str", "word: str"))

        self.made(shop, moved, "--rename", "text=word")

        text = (shop.folder / f"{moved}.py").read_text()
        assert f'@versioned(version=3, formerly="{shop.module}:Line")\n' in text
        assert 'migration(Line, 2, rename("text", "word"))\n' in text
        assert is_clean(shop)

    def test_not_asked_for(self, shop):
        """What moved is not recorded as something new."""
        moved = self.move(shop)
        shop.change(('"USD"', '"EUR"'))

        made = self.made(shop, moved, "Order")

        assert f"{moved}.Line.json" not in made.changed
        assert any(one["kind"] == "gone" for one in shop.found())

    def test_one_of_two(self, shop):
        """Nobody can tell which it was."""
        moved = self.move(shop)
        schema = shop.folder / "schemas" / f"{shop.module}.Line.json"
        other = schema.read_text().replace(f"{shop.module}:Line", f"{shop.module}_other:Line")
        (shop.folder / "schemas" / "other.json").write_text(other)

        told = Made(shop, status=2).told

        sys.modules.pop(moved, None)
        assert f"it may have been {shop.module}:Line or {shop.module}_other:Line; set form" in told

    def test_with_a_stable_name(self, shop):
        """What was stored without a stamp bears the old name."""
        schema = shop.folder / "schemas" / f"{shop.module}.order.json"
        schema.write_text(schema.read_text().replace(f"{shop.module}:Order", "old_shop:Order"))

        made = Made(shop)

        assert '.order", formerly="old_shop:Order")\n' in made.source
        assert is_clean(shop)

    def test_said_by_hand(self, shop):
        """To record it is enough."""
        moved = self.move(shop, change=("version=2", f'version=2, formerly="{shop.module}:Line"'))
        samples = shop.folder / "schemas" / "samples"
        assert any(one["kind"] == "moved" for one in shop.found())

        shop.run("record")

        assert (samples / f"{moved}.Line" / "1-made.pickle").exists()
        assert not (samples / f"{shop.module}.Line").exists()
        assert is_clean(shop)

    def test_files_that_are_there(self, tmp_path):
        """Are not replaced."""
        for name in ("a.A/1-x.pickle", "a.A/2-x.pickle", "b.A/1-x.pickle"):
            path = tmp_path / "samples" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

        move_samples(tmp_path / "samples", "a:A", "b:A")
        move_samples(tmp_path / "samples", "none:A", "b:A")

        assert "b.A/1-x.pickle" == (tmp_path / "samples" / "b.A" / "1-x.pickle").read_text()
        assert "a.A/2-x.pickle" == (tmp_path / "samples" / "b.A" / "2-x.pickle").read_text()
        assert (tmp_path / "samples" / "a.A" / "1-x.pickle").exists()


BASE = """
import attrs
from versionpickle import versioned

@versioned
@attrs.define
class Base:
    a: int

@versioned
@attrs.define
class Sub(Base):
    b: str = "d"
"""


class TestFailures:
    """What was written is taken back."""

    def test_other_classes_that_stop_loading(self, tmp_path):
        """A field that a base takes over is made for the base, and old subclasses do not load."""
        with shop_in(tmp_path) as shop:
            shop.write(BASE)
            shop.run("init", shop.module)
            shop.change(
                ('    b: str = "d"\n', "    pass\n"), ("a: int\n", 'a: int\n    b: str = "d"\n')
            )
            before = (tmp_path / f"{shop.module}.py").read_text()

            made = Made(shop, "--no-input", status=2)

        assert "Sub: the new code does not work, so it was reverted" in made.told
        assert before == made.source

    @pytest.mark.parametrize("change", ["# mine\n", None])
    def test_what_others_write_meanwhile(self, shop, change):
        """While somebody answers questions, the source may change, or go."""
        shop.change(("number: int", "number: int\n    total: int"))
        path = shop.folder / f"{shop.module}.py"
        shop.forget()
        answers = Answers([Answer.parse("add", "total=5")], NonInteractive())
        made = plan(load_project(shop.folder), (), answers)
        if change is None:
            path.unlink()
        else:
            path.write_text(path.read_text() + change)
        before = {file: file.read_bytes() for file in files(shop)}

        with pytest.raises(ProjectError, match="it was changed while this command was running"):
            write(made)

        assert before == {file: file.read_bytes() for file in files(shop)}

    def test_what_modules_print(self, shop):
        """Is no failure."""
        shop.change(
            ('"USD"', '"EUR"'),
            (
                "import enum\n",
                "import atexit, enum, sys\nif sys.argv[0] == '-c': atexit.register(print, 5)\n",
            ),
        )

        assert "1 class made" in Made(shop).told

    def test_a_record_that_fails(self, shop):
        """All files are as they were."""
        shop.change(("number: int", "number: int\n    other: int"))

        made = Made(shop, "--add", "other=int('x')", status=2)

        assert "cannot be recorded, so it was reverted: " in made.told
        assert "ValueError: invalid literal for int()" in made.told
        assert set() == made.changed

    def test_data_that_does_not_load(self, shop):
        """So are they where a step fails for a sample."""
        shop.change(("number: int", "number: str"))

        made = Made(shop, "--convert", "number=lambda n: n.upper()", status=2)

        assert "the new code does not work, so it was reverted: " in made.told
        assert set() == made.changed

    def test_new_files_are_removed(self, shop):
        """And so are their folders."""
        steps = f"{shop.module}_steps.orders"
        shop.change(
            ("oldest=2", f'oldest=2, migrations="{steps}"'),
            ("number: int", "number: int\n    other: int"),
        )

        made = Made(shop, "--add", "other=int('x')", status=2)

        assert set() == made.changed
        assert not (shop.folder / f"{shop.module}_steps").exists()

    def test_a_process_that_says_nothing(self, shop):
        """Has failed as well."""
        shop.change(
            ('"USD"', '"EUR"'),
            (
                "import enum\n",
                "import enum, os, sys\nif sys.argv[0] == '-c': os._exit(0)\n",
            ),
        )

        made = Made(shop, status=2)

        assert "exit status 0" in made.told
        assert set() == made.changed


def test_recording_in_a_fresh_process(shop, monkeypatch, capsys):
    """All is recorded that hides no change, and what is left is printed."""
    shop.change(('"USD"', '"EUR"'))
    with (shop.folder / f"{shop.module}.py").open("a") as file:
        file.write("@versioned\nclass New: pass\n@versioned\nclass Refused: pass\n")
        file.write("@versioned\n@attrs.define\nclass Waits:\n    order: Order\n")
        file.write("@versioned\n@attrs.define\nclass Unmade:\n    x: 'Unheard'\n")
    monkeypatch.setattr(sys, "argv", ["-c", f"{shop.module}:Refused"])

    record_all()

    found = json.loads(capsys.readouterr().out.partition(" finds ")[2])
    left = {"Order": "changed", "Refused": "unrecorded", "Unmade": "sample"}
    assert left == {one["ref"].partition(":")[2]: one["kind"] for one in found}


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ("int", "int", True),
        ("int", "bool", True),
        ("int | None", "int", True),
        ("int", "int | None", False),
        ("A | B | C", "A | C", True),
        ("Any", "int", True),
        ("", "int", True),
        ("int", "", False),
        ("float", "int", False),
        ("list[Any]", "list[int]", True),
        ("list", "list[int]", True),
        ("list[int]", "list", False),
        ("list[int]", "list[str]", False),
        ("dict[str, int | str]", "dict[str, int]", True),
        ("Sequence[int]", "list[int]", True),
        ("Literal['a', 'b']", "Literal['b']", True),
        ("Literal['a']", "Literal['a', 'b']", False),
        ("str", "Literal['a', 'b']", True),
        ("str", "Literal['a', 1]", False),
        ("int", "m.<locals>.C", False),
        ("Annotated[int, 5]", "int", True),
        ("int", "Final[bool]", True),
        ("Annotated", "int", False),
    ],
)
def test_types_that_take_old_values(new, old, expected):
    """They need no conversion."""
    assert expected is accepts(new, old)


def test_portraits_of_moved_members(shop):
    """Enums have moved as well."""
    project = load_project(Path.cwd())
    from versionpickle._pickles.rewrite.snapshot import translated

    versioned(name=f"{shop.module}.x", formerly=f"{shop.module}_old:X")(
        type("X", (), {"__module__": shop.module})
    )
    known = [{"member": f"{shop.module}_old:X.A"}, {"class": "unknown:Y", "state": 5}]

    assert [{"member": f"{shop.module}:X.A"}, known[1]] == translated(known, project.registry)
