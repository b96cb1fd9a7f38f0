"""What the schema check prints as a cure can be followed literally."""

from __future__ import annotations

import subprocess

import pytest

from shops import HEAD, configure
from test_schema_check import ORDER, PLAIN, is_clean, now, problems, recorded, samples, shop


__all__ = ["shop"]  # the fixture

BASE = "@versioned\n@attrs.define(kw_only=True)\nclass Thing:\n    name: str\n"
DERIVED = "@versioned\n@attrs.define(kw_only=True)\nclass Book(Thing):\n    pages: int\n"
V2 = "@versioned(version=2)"


def cures(shop):
    shop.forget()
    return {one["cure"] for one in shop.found()}


def prefixed(shop, beginning):
    return any(one.startswith(beginning) for one in cures(shop))


class TestRecord:
    """'record' is printed where it can record."""

    def test_moved_and_changed(self, shop):
        """A class that moved is recorded where it is after its change has a step."""
        recorded(shop, ORDER)
        now(
            shop,
            ORDER.replace("Order", "Sale")
            .replace("total", "sum")
            .replace("@versioned", "@versioned(formerly='{module}:Order')"),
        )

        (cure,) = cures(shop)
        assert "make --rename total=sum" in cure

    def test_after_its_base(self, shop):
        """A base that has changed comes first, also in make."""
        recorded(shop, BASE + DERIVED)
        derived = DERIVED.replace("pages: int", "pages: int\n    year: int")
        now(shop, BASE.replace("name", "title") + derived)
        told = shop.run("make", "--no-input", "--add", "year=2001", status=2)
        assert "pass --rename name=title if so" in told
        assert "its base" in told
        assert "nothing was written" in told
        step = "migration(Book, 1, add('year', 2001))\n"
        now(shop, BASE.replace("name", "title") + derived.replace("@versioned", V2) + step)

        told = shop.run("record", status=1)

        assert f"{shop.module}:Book is not recorded: {shop.module}:Thing has changed" in told
        assert prefixed(shop, f"do what is printed for {shop.module}:Thing; then run")
        shop.forget()
        shop.run("make", "--no-input", "--rename", "name=title")
        shop.forget()
        shop.run("record")
        assert is_clean(shop)


class TestGone:
    """A class that is gone."""

    def test_retired_under_all_names(self, shop):
        """All names that its pickles have are retired."""
        recorded(shop, ORDER)
        sale = ORDER.replace("Order", "Sale")
        now(shop, sale.replace("@versioned", "@versioned(formerly='{module}:Order')") + PLAIN)
        shop.run("record")
        now(shop, PLAIN)

        (cure,) = cures(shop)

        calls = [f"retire('{shop.module}:{name}')" for name in ("Sale", "Order")]
        assert f"or call {' and '.join(calls)}; or list" in cure
        now(shop, PLAIN + calls[0])
        assert prefixed(shop, f"set formerly='{shop.module}:Order' on the class that it is now")
        now(shop, PLAIN + "; ".join(calls))
        shop.run("record")
        assert is_clean(shop)

    def test_a_step_leads_to_a_retired_class(self, shop):
        """To retire it once more does not help."""
        quote = (
            "@versioned\nclass Quote:\n    def __init__(self, owner: str): self.owner = owner\n"
        )
        recorded(shop, PLAIN + quote + ORDER)
        step = "migration('{module}:Quote', 1, become({'{module}:Basket': 1}))\n"
        now(shop, ORDER + step + "retire('{module}:Basket')\n")

        assert "let the step that leads there name another class, or retire that " in str(
            cures(shop)
        )

    def test_a_base_that_was_left_is_retired(self, shop):
        """Old objects of a class that left it ask for none of its steps."""
        recorded(shop, BASE + DERIVED)
        left = DERIVED.replace("(Thing)", "").replace("@versioned", V2)
        step = "migration(Book, 1, remove('name'))\n".replace("remove", "versionpickle.remove")
        step = step.replace("versionpickle.remove", "versionpickle.migrations.remove")
        now(shop, left + step + "retire('{module}:Thing')\n")
        shop.run("record")

        assert is_clean(shop)

    def test_bases_of_a_class_that_is_gone(self, shop):
        """They may be retired as well."""
        plain = "@versioned\nclass Thing:\n    pass\n"
        recorded(shop, plain + PLAIN.replace("Basket:", "Cart(Thing):") + PLAIN)
        step = "migration('{module}:Cart', 1, become({Basket: 1}))\n"
        now(shop, PLAIN + step + "retire('{module}:Thing')\n")
        shop.run("record")

        assert is_clean(shop)

    @pytest.mark.parametrize(("old", "new"), [("Order", "Sale"), ("{0}:Order", "{0}:Sale")])
    def test_full_names(self, shop, old, new):
        """--renamed takes refs as well, which are printed where the short names are the same."""
        recorded(shop, ORDER)
        now(shop, ORDER.replace("Order", "Sale"))
        option = f"{old}={new}".format(shop.module)

        shop.run("make", "--no-input", "--renamed", option)

        assert is_clean(shop)

    def test_git_knows_the_module(self, shop):
        """A file that git saw renamed leads to the class in it, of two of the same name."""
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
        lines = "".join(f"# line {number}\n" for number in range(30))
        recorded(shop, lines + ORDER)
        subprocess.run([*git, "init", "--quiet"], check=True)
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", "Orders"], check=True)
        shop.forget()
        moved, other = f"{shop.module}_moved", f"{shop.module}_other"
        subprocess.run([*git, "mv", f"{shop.module}.py", f"{moved}.py"], check=True)
        (shop.folder / f"{other}.py").write_text(HEAD + ORDER)
        (shop.folder / "pyproject.toml").write_text(
            f'[tool.versionpickle]\nmodules = ["{moved}", "{other}"]\n'
        )

        (found,) = (one for one in shop.found() if one["kind"] == "gone")

        names = f"{shop.module}:Order={moved}:Order"
        assert f"run 'versionpickle make --renamed {names}'" in found["cure"]


class TestUnconverted:
    """A field of another type, which no step converts."""

    @pytest.mark.parametrize(
        ("new", "step", "is_found"),
        [
            ("list[int]", "migration(Order, 1, rename('number', 'count'))", True),
            ("list[int]", "migration(Order, 1)(lambda state: state)", False),
            ("'Unheard'", "migration(Order, 1, rename('number', 'count'))", False),
            ("float", "migration(Order, 1, rename('number', 'count'))", False),
            ("list[int] | str", "migration(Order, 1, rename('number', 'count'))", True),
        ],
    )
    def test_by_hand(self, shop, new, step, is_found):
        """Types of Python itself are compared where all steps are operations."""
        recorded(shop, ORDER)
        field = "number" if "lambda" in step else "count"
        source = ORDER.replace("number: int", f"{field}: {new}").replace("@versioned", V2)
        now(shop, source + step)

        found = [one for one in problems(shop) if "but no step converts it" in one]

        assert is_found == bool(found)
        assert not is_found or (
            f"the field 'count' was int at version 1, and is {new}, but no step converts it"
            == found[0]
        )

    @pytest.mark.parametrize(
        "step",
        [
            "convert('number', str)",
            "versionpickle.migrations.split('number', ['number', 'rest'], str)",
        ],
    )
    def test_converted(self, shop, step):
        """What a function made is not judged."""
        recorded(shop, ORDER)
        source = ORDER.replace("number: int", "number: str\n    rest: int")
        now(shop, source.replace("@versioned", V2) + f"migration(Order, 1, {step})\n")

        assert not any("no step converts" in one for one in problems(shop))

    def test_inherited(self, shop):
        """It is told at the base that declares the field."""
        recorded(shop, BASE + DERIVED)
        base = BASE.replace("name: str", "name: int").replace("@versioned", V2)
        now(shop, base + "migration(Thing, 1)(lambda state: state)\n" + DERIVED)
        shop.run("record", status=1)
        now(shop, base + "migration(Thing, 1, add('x', 1), rename('x', 'y'))\n" + DERIVED)

        refs = [one["ref"] for one in shop.found() if "no step converts" in one["problem"]]

        assert [] == refs or {f"{shop.module}:Thing"} == {*refs}


ENUM = """
import enum
class Colour(enum.Enum):
    RED = 1
class Empty(enum.Enum):
    pass
@versioned
@attrs.define
class Lamp:
    colour: Colour | None
    glow: Colour | None
    others: "list[Empty]"
from versionpickle.testing import sample
@sample(Lamp)
def dark():
    return Lamp(None, None, [])
"""


class TestUndeclared:
    """An enum that no sample holds."""

    def test_none_in_the_sample(self, shop):
        """It is found by the declared type."""
        configure(shop, ENUM)
        shop.run("record", status=1)
        shop.forget()

        found, glow = shop.found()

        assert "glow" == glow["field"]
        assert (
            f"'colour' may hold some of {shop.module}:Colour, which versionp" in found["problem"]
        )
        assert ("colour", "put @versioned on Colour") == (found["field"], found["cure"])
        now(shop, ENUM.replace("class Colour", "@versioned\nclass Colour"))
        shop.run("record")
        assert is_clean(shop)


class TestDifferences:
    """What is blamed."""

    TUPLE = "import typing\n@versioned\nclass Point(typing.NamedTuple):\n    x: int\n    y: str\n"

    def test_order_of_a_named_tuple(self, shop):
        """Old ones are made by name, so a new order changes nothing."""
        recorded(shop, self.TUPLE)

        now(shop, self.TUPLE.replace("    x: int\n", "") + "    x: int\n")

        assert is_clean(shop)

    def test_base_renamed_and_changed(self, shop):
        """Its subclasses have not changed."""
        recorded(shop, BASE + DERIVED)
        new = (BASE + DERIVED).replace("Thing", "Item").replace("name", "title")
        now(shop, new)

        assert [f"{shop.module}:Thing"] == [
            one["ref"] for one in shop.found() if one["kind"] != "unrecorded"
        ]
        shop.forget()
        shop.run("make", "--no-input", "--renamed", "Thing=Item", "--rename", "name=title")
        assert is_clean(shop)

    @pytest.mark.parametrize("value", ["owner", "(owner,)"])
    def test_retyped_attribute_of_a_renamed_class(self, shop, value):
        """The record of the sample says what types there were."""
        basket = PLAIN.replace("= owner", f"= {value}")
        recorded(shop, basket + ORDER)
        cart = PLAIN.replace("Basket", "Cart").replace("owner: str", "owner: list")
        now(shop, cart + ORDER)
        options = ["--renamed", "Basket=Cart", "--convert", "owner=lambda one: [one]"]

        shop.run("make", "--no-input", *options)

        assert is_clean(shop)

    def test_renamed_and_converted_attribute(self, shop):
        """--convert is for fields of unknown types as well, if it names the class."""
        recorded(shop, PLAIN)
        now(shop, PLAIN.replace("owner", "owners").replace(": str", ": list"))
        options = ["--rename", "Basket.owner=owners", "--convert", "Basket.owners=lambda x: [x]"]

        shop.run("make", "--no-input", *options)

        assert is_clean(shop)

    def test_attributes_of_an_object_that_became_another(self, shop):
        """They are compared as those of any older object."""
        recorded(shop, PLAIN + PLAIN.replace("Basket", "Cart").replace("owner", "holder"))
        step = "migration('{module}:Cart', 1, become({Basket: 1}))\n"
        now(shop, PLAIN + step)
        shop.run("record", status=1)

        assert "its sample 'made' has no 'owner', which new objects have" in problems(shop)

    def test_member_that_became_an_alias(self, shop):
        """Old objects of it are another member from then on, which make takes as said."""
        source = "import enum\n@versioned\nclass Colour(enum.Enum):\n    RED = 1\n    ROSE = 2\n"
        recorded(shop, source)
        now(shop, source.replace("ROSE = 2", "ROSE = 1"))

        assert any("'ROSE' was member, and is alias of RED" in one for one in problems(shop))
        shop.forget()
        shop.run("make", "--no-input")
        assert is_clean(shop)

    def test_another_stable_name(self, shop):
        """It is in all old pickles."""
        recorded(shop, ORDER.replace("@versioned", "@versioned(name='order')"))
        now(shop, ORDER.replace("@versioned", "@versioned(name='sale')"))
        shop.run("record", status=1)

        assert {"give the class name='order' again"} == cures(shop)

    def test_structure_with_a_former_name(self, shop):
        """make leaves a class that left its base, and prints the former name."""
        recorded(shop, BASE + DERIVED)
        now(shop, BASE + DERIVED.replace("(Thing)", "").replace("Book", "Novel"))

        told = shop.run("make", "--no-input", "--renamed", "Book=Novel", status=2)

        assert f'formerly="{shop.module}:Book" into the declaration of Novel yourself' in told
        assert samples(shop, "Book").is_dir()
