"""What the schema check finds, kind by kind: green means that old data loads."""

from __future__ import annotations

import json
import pickle
import sys

from pathlib import Path

import pytest

from hypothesis import strategies as st
from shops import HEAD, configure, shop_in

from versionpickle.exceptions import ProjectError
from versionpickle.testing import check_upgrades


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as made:
        yield made


def recorded(shop, source):
    """A project whose classes are recorded."""
    configure(shop, source)
    shop.forget()
    shop.run("record")
    shop.forget()


def now(shop, source):
    """Let the module be this source from now on."""
    shop.write(HEAD + source)
    shop.forget()


def problems(shop):
    return [one["problem"] for one in shop.found()]


def is_clean(shop):
    shop.forget()
    return "no findings" in shop.run("check")


def samples(shop, name):
    return shop.folder / "schemas" / "samples" / f"{shop.module}.{name}"


ORDER = """
@versioned
@attrs.define
class Order:
    number: int
    total: int
"""
PLAIN = """
@versioned
class Basket:
    def __init__(self, owner: str):
        self.owner = owner
"""


class TestSamplesOfFormerClasses:
    """Every sample is loaded for ever."""

    def test_retired(self, shop):
        """It is a placeholder from then on, which is recorded and compared."""
        recorded(shop, ORDER)
        now(shop, PLAIN + f"retire('{shop.module}:Order')\n")
        shop.run("record")
        assert is_clean(shop)

        file = samples(shop, "Order") / "1-made.json"
        file.write_text(file.read_text().replace('"number",\n', '"numb",\n'))

        (problem,) = problems(shop)
        assert "its sample 'made' no longer loads as the object that was recorded" == problem

    def test_merged(self, shop):
        """It follows its steps into the class that it became."""
        recorded(shop, ORDER)
        client = "@versioned\n@attrs.define\nclass Sale:\n    no: int\n    total: int\n"
        step = (
            f"migration('{shop.module}:Order', 1, rename('number', 'no'), become({{Sale: 1}}))\n"
        )
        now(shop, client + step)
        shop.run("record", status=1)
        shop.forget()
        assert "plain-pickle = false" in shop.found()[0]["cure"]  # it has slots
        with (shop.folder / "pyproject.toml").open("a") as file:
            file.write("plain-pickle = false\n")
        shop.forget()
        shop.run("record")
        assert is_clean(shop)

        now(shop, client + step.replace("rename", "add"))

        assert any("does not load" in one for one in problems(shop))

    def test_made_of_two(self, shop):
        """make records what the samples of the other one are by now."""
        recorded(shop, ORDER + ORDER.replace("Order", "Quote"))
        names = ", ".join(f"'{shop.module}:{name}'" for name in ("Order", "Quote"))
        source = ORDER.replace("Order", "Deal") + "    note: str = ''\n"
        now(shop, source.replace("@versioned", f"@versioned(formerly=({names}))"))

        shop.run("make", "--no-input")

        assert is_clean(shop)

    def test_recorded_under_both_names(self, shop):
        """A class that was recorded as new before formerly= was set still reads its samples."""
        recorded(shop, ORDER)
        now(shop, "")
        (shop.folder / "schemas" / f"{shop.module}.Order.json").rename("kept.json")
        client = ORDER.replace("Order", "Sale").replace("total", "sum")
        now(shop, client)
        shop.run("record", status=1)
        Path("kept.json").rename(shop.folder / "schemas" / f"{shop.module}.Order.json")
        now(shop, client.replace("@versioned", f"@versioned(formerly='{shop.module}:Order')"))
        shop.run("record", status=1)

        (problem,) = problems(shop)
        assert problem.startswith("its sample 'made' does not load: FieldsError: ")

    def test_without_a_schema(self, shop):
        """A folder of samples whose class nobody knows is loaded as well."""
        recorded(shop, ORDER)
        folder = samples(shop, "Gone")
        folder.mkdir()
        (folder / "1-made.pickle").write_bytes(b"damaged")

        (found,) = shop.found()
        assert f"{shop.module}.Gone" == found["ref"]
        assert "does not load" in found["problem"]

    def test_values(self, shop):
        """An object that became a value is compared as well."""
        recorded(shop, ORDER)
        with (shop.folder / "pyproject.toml").open("a") as file:
            file.write("plain-pickle = false\n")
        step = "def cents(state): return state['total']\n"
        step += f"migration('{shop.module}:Order', 1, replace(cents))\n"
        now(shop, PLAIN + step)
        shop.run("record")
        assert is_clean(shop)

    def test_steps_of_a_former_name(self, shop):
        """A step may be registered for the class that was; a change of it is found."""
        recorded(shop, ORDER)
        sale = ORDER.replace("Order", "Sale").replace("total", "sum")
        sale = sale.replace("@versioned", f"@versioned(version=2, formerly='{shop.module}:Order')")
        step = f"migration('{shop.module}:Order', 1, rename('total', 'sum'))\n"
        now(shop, sale + step)
        shop.run("record", status=1)  # no step leaves version 1 of Sale itself
        now(shop, sale + step.replace(")\n", ", convert('sum', lambda one: 7))\n"))

        (found,) = (one for one in shop.found() if one["kind"] == "sample")

        assert ["Sale.sum was 1, and is 7"] == found["details"]
        assert "fix the step that has changed since; " in found["cure"]


class TestRenamedClasses:
    """A class that is gone, and a new one."""

    RENAMED = ORDER.replace("Order", "Sale")
    HOLDER = "@versioned\n@attrs.define\nclass Cart:\n    orders: list[Order]\n"

    def test_asked_about(self, shop):
        """They may be one: nothing else is said of either, or of those that hold them."""
        recorded(shop, ORDER + self.HOLDER)
        now(shop, self.RENAMED + self.HOLDER.replace("Order", "Sale"))

        (found,) = shop.found()

        assert ("gone", f"{shop.module}:Order") == (found["kind"], found["ref"])
        assert "run 'versionpickle make --renamed Order=Sale'" in found["cure"]
        assert [f"{shop.module}:Cart"] == found["also"]
        told = shop.run("record", status=1)
        assert f"{shop.module}:Sale is not recorded: it may be a class that is gone" in told

    def test_made(self, shop):
        """make writes formerly=, and fields of other classes need no new version."""
        recorded(shop, ORDER + self.HOLDER)
        now(shop, self.RENAMED + self.HOLDER.replace("Order", "Sale"))

        shop.run("make", "--no-input")

        source = (shop.folder / f"{shop.module}.py").read_text()
        assert f'@versioned(formerly="{shop.module}:Order")' in source
        assert 1 == source.count("formerly")
        assert is_clean(shop)

    def test_renamed_and_changed(self, shop):
        """--renamed names the class where its fields have changed, too."""
        recorded(shop, ORDER + PLAIN)
        now(shop, PLAIN + self.RENAMED.replace("total", "amount"))
        shop.run("make", "--no-input")
        shop.forget()
        assert any(one["kind"] == "gone" for one in shop.found())
        shop.forget()

        shop.run("make", "--no-input", "--renamed", "Order=Sale", "--rename", "total=amount")

        assert is_clean(shop)
        assert (samples(shop, "Sale") / "1-made.pickle").exists()

    @pytest.mark.parametrize("described", [True, False])
    def test_renamed_without_declared_fields(self, shop, described):
        """The record of the sample says what attributes there were."""
        recorded(shop, PLAIN)
        if not described:
            (samples(shop, "Basket") / "1-made.json").write_text("{}")
        now(shop, PLAIN.replace("Basket", "Cart").replace("self.owner", "self.holder"))
        options = ["--renamed", "Basket=Cart", "--rename", "owner=holder"]

        told = shop.run("make", "--no-input", *options, status=0 if described else 2)

        assert described or "a changed class has no use for" in told
        assert not described or is_clean(shop)

    def test_the_name_is_used_again(self, shop):
        """A new class of the old name is another type."""
        recorded(shop, ORDER + self.HOLDER)
        moved = self.RENAMED.replace("@versioned", "@versioned(name='{module}.sale')")
        now(shop, moved + ORDER + self.HOLDER)

        assert "unrecorded" in [one["kind"] for one in shop.found()]

    def test_no_successor(self, shop):
        """Where no class is new, the cure says what else there is."""
        recorded(shop, ORDER + PLAIN)
        now(shop, PLAIN)

        (found,) = shop.found()
        assert f"set formerly='{shop.module}:Order' on its successor, " in found["cure"]

    def test_one_that_cannot_be_described(self, shop):
        """It is reported for itself."""
        recorded(shop, ORDER)
        now(shop, "@attrs.define\nclass Sale(Versioned, transient='typo'):\n    number: int\n")

        assert any("is not one of its fields" in one for one in problems(shop))


def test_cure_of_a_nested_class(shop):
    """The step is written for its whole name."""
    source = (
        "class Shop:\n    @versioned\n    @attrs.define\n    class Order:\n        number: int\n"
    )
    recorded(shop, source)
    now(shop, source + "        total: int = 0\n")

    assert "write migration(Shop.Order, 1, add('total', 0))" in shop.found()[0]["cure"]


class TestUndeclaredFields:
    """Classes that declare no fields are compared by their samples, made again."""

    def test_new_attribute(self, shop):
        """It is a change as that of a field is, and make writes its step."""
        recorded(shop, PLAIN)
        now(shop, PLAIN + "        self.note = ''\n")
        assert ["the field 'note' was added: any type, and the version is still 1"] == problems(
            shop
        )
        shop.forget()

        shop.run("make", "--no-input", "--add", "note=''")

        assert is_clean(shop)
        assert "" == pickle.loads((samples(shop, "Basket") / "1-made.pickle").read_bytes()).note

    def test_renamed_attribute(self, shop):
        """make asks whether it was renamed."""
        recorded(shop, PLAIN)
        now(shop, PLAIN.replace("self.owner", "self.holder"))
        assert any("(or renamed to 'holder'?)" in one for one in problems(shop))
        shop.forget()

        shop.run("make", "--no-input", "--rename", "owner=holder")

        assert is_clean(shop)

    def test_attribute_that_is_gone(self, shop):
        """It is a change as well."""
        recorded(shop, PLAIN + "        self.note = ''\n")
        now(shop, PLAIN)

        assert ["the field 'note' was removed: any type, and the version is still 1"] == problems(
            shop
        )

    def test_upgraded_objects(self, shop):
        """An attribute that all new objects have, and upgraded ones lack, is found."""
        recorded(shop, PLAIN)
        source = PLAIN.replace("@versioned", "@versioned(version=2)")
        step = "migration(Basket, 1, add('other', 1))\n"
        now(shop, source + "        self.note = ''\n" + step)
        shop.run("record", status=1)

        (found,) = shop.found()
        assert "its sample 'made' has no 'note', which new objects have" == found["problem"]
        assert "note" == found["field"]

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            (
                ("def __init__", "owner = property(id)\n    def __init__"),
                "has 'owner', which the class hides by a property",
            ),
            (("class Basket", "class Cart"), "left over '_Basket__note'"),
        ],
    )
    def test_attributes_that_nobody_finds(self, shop, change, problem):
        """A property, or the name of another class, hides what an old object holds."""
        source = PLAIN + "        self.__note = ''\n"
        recorded(shop, source)
        moved = f"(version=2, formerly='{shop.module}:Basket')" if "Cart" in change[1] else "(2)"
        source = source.replace("@versioned", f"@versioned{moved}").replace(*change)
        source = source.replace("self.owner = owner", "self._owner = owner")
        name = "Cart" if "Cart" in change[1] else "Basket"
        step = f"migration({name}, 1, add('_owner', ''), add('_{name}__x', 1))\n"
        now(shop, source + step)
        shop.run("record", status=1)

        assert any(problem in one for one in problems(shop))

    def test_private_name_of_nobody(self, shop):
        """What was private to the former class, and is not used any more, is found, too."""
        recorded(shop, PLAIN + "        self.__note = ''\n")
        source = PLAIN.replace(
            "@versioned", f"@versioned(version=2, formerly='{shop.module}:Basket')"
        )
        now(shop, source.replace("class Basket", "class Cart") + "migration(Cart, 1)\n")
        shop.run("record", status=1)

        problem = "has '_Basket__note', the private name of a class that is no base of Cart"
        assert any(problem in one for one in problems(shop))

    def test_check_upgrades(self, shop):
        """The strategies that a test gives are used where no fields are recorded."""
        recorded(shop, PLAIN)
        source = PLAIN.replace("owner", "holder").replace("@versioned", "@versioned(version=2)")
        now(shop, source + "migration(Basket, 1, rename('owner', 'holder'))\n")
        shop.run("record")
        cls = sys.modules[shop.module].Basket

        check_upgrades(cls, 1, fields={"owner": st.text()})
        check_upgrades(cls, fields={"owner": st.text()}, max_examples=5)
        with pytest.raises(AssertionError, match="does not load"):
            check_upgrades(cls, 1, fields={"number": st.text()})
        now(shop, source.replace("version=2", "version=3") + "migration(Basket, 2, add('x', 1))\n")
        shop.run("record", status=1)
        with pytest.raises(ProjectError, match="several of its versions declare no fields; test"):
            check_upgrades(sys.modules[shop.module].Basket, fields={"owner": st.text()})

    def test_a_sample_that_cannot_be_made_again(self, shop):
        """Nobody can tell whether its attributes are the same."""
        recorded(shop, PLAIN)
        now(shop, PLAIN.replace("owner: str", "owner: 'Unknown'"))

        (problem,) = problems(shop)
        assert problem.startswith("its sample 'made' cannot be made again: ProjectError: ")

    def test_exceptions(self, shop):
        """A sample that is an exception is no failure."""
        source = "@versioned\nclass Late(Exception):\n"
        source += "    def __init__(self, days: int):\n"
        source += "        super().__init__(days)\n        self.days = days\n"
        recorded(shop, source)
        assert is_clean(shop)
        now(shop, source.replace("self.days", "self.number"))

        assert any("(or renamed to 'number'?)" in one for one in problems(shop))

    @pytest.mark.parametrize(("step", "status"), [("", 1), (", convert('owner', len)", 0)])
    def test_another_type(self, shop, step, status):
        """It is a change as that of a field is, also if there is a new version."""
        recorded(shop, PLAIN)
        source = PLAIN.replace("owner: str", "owner: int")
        now(shop, source)
        assert ["the field 'owner' was str, and is int, and the version is still 1"] == problems(
            shop
        )
        source = source.replace("@versioned", "@versioned(version=2)")
        now(shop, source + f"migration(Basket, 1{step})\n")
        shop.run("record", status=status)
        shop.forget()

        told = shop.run("check", status=status)

        problem = "its sample 'made' has str in 'owner', where new objects have int"
        assert (problem in told) == bool(status)

    def test_numbers_of_a_narrower_type(self, shop):
        """A float may be an int, as everywhere."""
        recorded(shop, PLAIN.replace("owner: str", "owner: int"))
        now(shop, PLAIN.replace("owner: str", "owner: float"))

        assert is_clean(shop)

    def test_hidden_methods(self, shop):
        """An attribute that is left over must not hide a method of the same name."""
        recorded(shop, PLAIN)
        source = PLAIN.replace("@versioned", "@versioned(version=2)")
        source = source.replace("self.owner", "self.holder") + "    def owner(self): pass\n"
        now(shop, source + "migration(Basket, 1, add('holder', ''))\n")
        shop.run("record", status=1)

        (problem,) = problems(shop)
        assert "its sample 'made' has 'owner', which hides a method of the class" == problem

    def test_no_longer_declared(self, shop):
        """What new objects still have is not removed."""
        recorded(shop, "@versioned\n@attrs.define\nclass Basket:\n    owner: str\n    size: int\n")
        now(shop, PLAIN)

        found = shop.found()

        assert ["size", None] == [one["field"] for one in found]
        cure = "set version=2 and write migration(Basket, 1, remove('size'))"
        assert {cure} == {one["cure"] for one in found}

    IF_GONE = "; if 'owner' is gone, write remove('owner'), add('holder', ...)"

    @pytest.mark.parametrize(
        ("field", "code"),
        [("owner", ")"), ("holder", f", rename('owner', 'holder')){IF_GONE}")],
    )
    def test_declared_by_now(self, shop, field, code):
        """What old objects have already is not added, and make is not advised, which refuses."""
        recorded(shop, PLAIN)
        now(shop, f"@versioned\n@attrs.define\nclass Basket:\n    {field}: str\n")

        found = shop.found()

        cure = f"set version=2 and write migration(Basket, 1{code}"
        assert {cure} == {one["cure"] for one in found}

    def test_without_samples_to_compare(self, shop):
        """Then only the declarations are compared."""
        recorded(shop, PLAIN)
        for file in samples(shop, "Basket").iterdir():
            file.unlink()
        now(shop, "@versioned\n@attrs.define\nclass Basket:\n    owner: str\n")

        assert any("the field 'owner' was added: str" in one for one in problems(shop))

    def test_samples_of_another_kind(self, shop):
        """A sample that is a list of objects has no attributes to compare."""
        source = PLAIN + "from versionpickle.testing import sample\n"
        source += "@sample(Basket)\ndef two(): return [Basket('a'), Basket('b')]\n"

        recorded(shop, source)

        assert is_clean(shop)

    def test_a_damaged_sample(self, shop):
        """It is reported once."""
        recorded(shop, PLAIN)
        (samples(shop, "Basket") / "1-made.pickle").write_bytes(b"damaged")

        assert 1 == len(problems(shop))


class TestContents:
    """What a sample holds must be allowed."""

    def test_enum(self, shop):
        """An enum without a version is named, with the field."""
        source = (
            "import enum\nclass Colour(enum.Enum):\n    RED = 1\n"
            "@versioned\n@attrs.define\nclass Lamp:\n    name: str\n    colours: list[Colour]\n"
        )
        configure(shop, source)
        shop.run("record", status=1)
        shop.forget()

        (found,) = shop.found()

        assert f"hold some of {shop.module}:Colour in 'colours[0]'" in found["problem"]
        assert ("colours", "put @versioned on Colour") == (found["field"], found["cure"])

    def test_classes_of_others(self, shop):
        """A class of another package has to be allowed."""
        source = "import argparse\n" + PLAIN.replace("= owner", "= argparse.Namespace()")
        configure(shop, source)
        shop.run("record", status=1)
        shop.forget()

        (found,) = shop.found()
        assert found["cure"].startswith("call versionpickle.allow('argparse:Namespace')")
        now(shop, source + "versionpickle.allow(argparse.Namespace)\n")
        assert is_clean(shop)

    def test_loads_that_differ(self, shop, monkeypatch):
        """What only one of the loads does is a problem."""
        from versionpickle._project import sample_check

        recorded(shop, ORDER)
        monkeypatch.setattr(sample_check, "loads", lambda data, registry: 5)
        assert "versionpickle.loads reads its sample 'made' as another object" in problems(shop)
        monkeypatch.setattr(sample_check, "loads", lambda data, registry: int(data))

        (problem,) = problems(shop)
        assert "pickle.loads reads its sample 'made', but versionpickle.loads does n" in problem


class TestUpgradedValues:
    """Upgraded samples are compared with simple declared types."""

    def test_wrong_type(self, shop):
        """A value of another type is found."""
        recorded(shop, ORDER)
        source = ORDER.replace("total: int", "total: str | None").replace(
            "@versioned", "@versioned(version=2)"
        )
        step = "migration(Order, 1, convert('total', lambda total: total))\n"
        now(shop, source + step)
        shop.run("record", status=1)

        (problem,) = problems(shop)
        assert "its sample 'made' has 1 in 'total', which is declared as str | None" == problem

    def test_a_base_takes_all(self, shop):
        """A field of a base class takes objects of its subclasses without a step that converts."""
        animals = ORDER + "@versioned\n@attrs.define\nclass Sale(Order):\n    pass\n"
        holder = "@versioned\n@attrs.define\nclass Cart:\n    one: Sale\n"
        recorded(shop, animals + holder)
        now(shop, animals + holder.replace("Sale", "Order"))

        shop.run("make", "--no-input")

        source = (shop.folder / f"{shop.module}.py").read_text()
        assert "    return state\n" in source
        assert is_clean(shop)


class TestOnce:
    """One cause is reported once."""

    HOLDERS = """
@versioned
@attrs.define
class Line:
    order: Order
@versioned
@attrs.define
class Cart:
    lines: list[Line]
"""

    def test_a_changed_class(self, shop):
        """The classes that hold one are listed."""
        recorded(shop, ORDER + self.HOLDERS)
        now(shop, (ORDER + self.HOLDERS).replace("total", "amount"))

        first, _ = shop.found()

        assert [f"{shop.module}:Cart", f"{shop.module}:Line"] == first["also"]
        shop.forget()
        told = shop.run("check", status=1)
        assert f"    also stops the samples of {shop.module}:Cart, {shop.module}:Line\n" in told
        shop.forget()
        assert "also stops the samples of" in shop.run("check", "--format", "github", status=1)

    def test_a_changed_step(self, shop):
        """It is found at the class whose objects differ, attribute by attribute."""
        source = ORDER.replace("total", "amount").replace("@versioned", "@versioned(2)", 1)
        step = "@migration(Order, 1)\ndef step(state):\n    return {**state, 'amount': 5}\n"
        recorded(shop, ORDER + self.HOLDERS)
        step = step.replace("**state", "'number': state['number']")
        now(shop, source + step + self.HOLDERS)
        shop.run("record")
        now(shop, source + step.replace("5", "6") + self.HOLDERS)

        (found,) = shop.found()

        assert (f"{shop.module}:Order", "changed") != (found["ref"], found["kind"])
        assert ["Order.amount was 5, and is 6"] == found["details"]
        line = (HEAD + source).count("\n") + 1
        assert (f"{shop.module}.py", line) == (found["file"], found["line"])
        assert [f"{shop.module}:Cart", f"{shop.module}:Line"] == sorted(found["also"])

    def test_two_samples(self, shop):
        """Samples of one class that fail for one reason are one finding."""
        source = ORDER + "from versionpickle.testing import sample\n"
        for name in ("a", "b"):
            source += f"@sample(Order)\ndef {name}(): return Order(1, 2)\n"
        recorded(shop, source)
        changed = source.replace("@versioned", "@versioned(2)").replace("total: int", "rest: int")
        now(shop, changed + "migration(Order, 1, rename('typo', 'rest'))\n")
        shop.run("record", status=1)

        failed = [one for one in shop.found() if one["kind"] == "sample"]

        (found,) = failed
        assert [f"schemas/samples/{shop.module}.Order/1-b.pickle"] == found["also"]


class TestMarkdown:
    """A report for a pull request."""

    def test_check(self, shop):
        """Findings are lists by class, and what means something to Markdown is escaped."""
        source = ORDER.replace("total: int", "tags: list[str]")
        recorded(shop, source + TestOnce.HOLDERS)
        now(shop, (source + TestOnce.HOLDERS).replace("tags", "notes"))

        told = shop.run("check", "--format", "markdown", status=1)

        assert told.startswith(
            f"## versionpickle check: 2 findings\n\n### `{shop.module}:Order`\n\n* version 1 ("
        )
        assert "the field 'notes' was added: list\\[str\\]" in told
        assert "  * also stops the samples of" in told
        assert "\n  Fix: run 'versionpickle make --rename tags=notes'" in told
        assert told.endswith("3 classes.\n")

    def test_check_without_findings(self, shop):
        """It says so; a class without source has no place."""
        recorded(shop, ORDER)
        told = shop.run("check", "--format", "markdown")
        assert "## versionpickle check: no findings\n\n1 class.\n" == told
        shop.write(f"exec({HEAD + ORDER.replace('total', 'sum')!r})")
        shop.forget()

        assert "\n* version 1: the field" in shop.run("check", "--format", "markdown", status=1)

    def test_diff(self, shop):
        """A table says who reads whose data, and lists follow."""
        recorded(shop, ORDER + PLAIN)
        source = ORDER.replace("total", "amount").replace("@versioned", "@versioned(version=2)")
        now(shop, source + "migration(Order, 1, rename('total', 'amount'))\n" + PLAIN)

        told = shop.run("diff", "--format", "markdown")

        assert told.startswith("## Stored classes: 1 changed\n\n| class | version | who reads")
        assert f"| `{shop.module}:Order` | 1 → 2 | today's code reads old data, but" in told
        assert "\n* version 1 became 2\n" in told
        assert "\n* yesterday's code: it raises FutureVersionError\n" in told
        now(shop, ORDER + PLAIN)
        assert "## Stored classes: none changed\n\n" == shop.run("diff", "--format", "markdown")


class TestEverythingInside:
    """Nothing is outside by accident."""

    def package(self, shop, modules):
        folder = shop.folder / shop.module
        (folder / "inner").mkdir(parents=True)
        for name in ("__init__.py", "inner/__init__.py", "__main__.py"):
            (folder / name).write_text("" if "main" not in name else "1 / 0\n")
        (folder / "orders.py").write_text(HEAD + ORDER)
        (folder / "inner" / "lines.py").write_text(HEAD + ORDER.replace("Order", "Line"))
        (shop.folder / "pyproject.toml").write_text(
            f"[tool.versionpickle]\nmodules = {json.dumps(modules)}\n"
        )

    def forget(self, shop):
        shop.forget()
        for name in [name for name in sys.modules if name.startswith(shop.module)]:
            del sys.modules[name]

    @pytest.fixture(autouse=True)
    def forgotten(self, shop):
        yield
        self.forget(shop)

    def test_packages(self, shop):
        """A package stands for all modules in it, apart from __main__."""
        self.package(shop, [f"{shop.module}.*"])

        assert "2 classes recorded" in shop.run("record")

    def test_no_package(self, shop):
        """A module has no modules in it."""
        self.package(shop, [f"{shop.module}.orders.*"])

        assert "is a module, not a package" in shop.run("check", status=2)

    @pytest.mark.parametrize("given", ["{}", "{}/", "./{}", "{}/orders.py {}/inner"])
    def test_init(self, shop, given):
        """Packages and paths can be given."""
        self.package(shop, ["x"])
        Path("pyproject.toml").unlink()

        told = shop.run("init", *given.replace("{}", shop.module).split())

        assert "2 classes recorded" in told

    def test_unlisted(self, shop):
        """A versioned class in a module that nothing imports is found."""
        self.package(shop, [f"{shop.module}.orders"])
        (shop.folder / f"{shop.module}_other.py").write_text(
            "import versionpickle as vp\n@vp.versioned(2)\nclass Other: pass\n"
            "class Plain(int): pass\nclass Odd((lambda: int)()): pass\n"
        )
        (shop.folder / f"{shop.module}_sub.py").write_text(
            f"from {shop.module}.orders import Order\nclass Sub(Order): pass\n"
        )
        (shop.folder / f"{shop.module}_broken.py").write_text("class versionpickle: (\n")
        (shop.folder / f"{shop.module}_none.py").write_text("x = 5\n")
        (shop.folder / "test_other.py").write_text("from versionpickle import versioned\n")
        (shop.folder / "tests").mkdir()
        (shop.folder / "tests" / "__init__.py").touch()
        shop.run("record", status=1)
        self.forget(shop)

        found = shop.found()

        assert {"unlisted"} == {one["kind"] for one in found}
        assert [
            f"{shop.module}.inner.lines:Line",
            f"{shop.module}_other:Other",
            f"{shop.module}_sub:Sub",
        ] == sorted(one["ref"] for one in found)
        assert (f"{shop.module}_other.py", 3) == (found[1]["file"], found[1]["line"])

    def test_samples_of_tests(self, shop):
        """Functions that make samples may be in tests."""
        source = "import re\n@versioned\n@attrs.define\nclass Rule:\n    pattern: re.Pattern\n"
        configure(shop, source)
        shop.run("record", status=1)
        self.forget(shop)
        (found,) = shop.found()
        assert "write a function with @versionpickle.testing.sample(Rule)" in found["cure"]
        self.forget(shop)
        tests = f"{shop.module}_tests"
        (shop.folder / f"{tests}.py").write_text(
            f"import re\nfrom {shop.module} import Rule\n"
            "from versionpickle.testing import sample\n"
            "@sample(Rule)\ndef digits(): return Rule(re.compile('[0-9]'))\n"
        )
        (shop.folder / "pyproject.toml").write_text(
            f'[tool.versionpickle]\nmodules = ["{shop.module}"]\nsample-modules = ["{tests}"]\n'
        )
        (shop.folder / "ruff.toml").write_text("line-length = 99\n")

        assert "1-digits.pickle" in shop.run("record", status=1)

    def test_samples_that_cannot_be_pickled(self, shop):
        """They are an error with a cure; the schema is recorded."""
        source = "import threading\n@versioned\n@attrs.define\nclass Job:\n"
        configure(shop, source + "    thread: threading.Thread\n")

        told = shop.run("record", status=1)

        assert "its sample 'made' cannot be pickled (TypeError" in told
        assert "in transient=, or make another object in a function with" in told
        assert f"wrote schemas/{shop.module}.Job.json" in told


@pytest.mark.parametrize(
    ("file", "text", "width"),
    [
        ("pyproject.toml", "", 88),
        ("pyproject.toml", "[tool.black]\nline-length = 70\n", 70),
        ("pyproject.toml", "[tool.ruff]\nline-length = 120\n", 120),
        ("ruff.toml", "line-length = 99\n", 99),
    ],
)
def test_line_length(tmp_path, file, text, width):
    """It is that of the project's formatter."""
    from versionpickle._project.configuration import configuration

    (tmp_path / file).write_text(text)
    with (tmp_path / "pyproject.toml").open("a") as out:
        out.write('[tool.versionpickle]\nmodules = ["a"]\n')

    assert width == configuration(tmp_path).line_length
