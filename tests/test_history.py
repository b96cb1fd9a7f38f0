"""`versionpickle history` tells what a class was."""

from __future__ import annotations

import json
import textwrap

import pytest

from click.shell_completion import ShellComplete
from shops import configure, shop_in

from versionpickle._cli.main import main


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as shop:
        yield shop


FIRST = """
@versioned
class Another: ...

@versioned(name="{module}.order")
@attrs.define
class Order:
    number: int
    total: float = 0.0
"""
SECOND = """
@versioned
class Another: ...

@versioned(version=3, name="{module}.order", formerly={"{module}.old:Purchase": 2})
@attrs.define
class Sale:
    number: int
    amount: float = 0.0

migration(Sale, 1, rename("total", "amount"))

@migration(Sale, 2)
def unchanged(state):
    return state

migration("{module}.old:Purchase", 1, add("amount", 1.0))
"""


@pytest.fixture
def told(shop):
    """What is told of a class of three versions, whose second one was never recorded."""
    configure(shop, FIRST)
    shop.run("record")
    configure(shop, SECOND)
    shop.forget()
    return lambda *arguments, **more: shop.run("history", *arguments, **more)


def test_history_for_people(shop, told):
    """Each version stands with what changed, its step, and its samples."""
    line = shop.folder.joinpath(f"{shop.module}.py").read_text().splitlines()
    place = f"{shop.module}.py:{line.index('@migration(Sale, 2)') + 1}"

    expected = f"""\
        {shop.module}:Sale  (name '{shop.module}.order')
        formerly {shop.module}:Order
        formerly {shop.module}.old:Purchase, whose unstamped pickles are version 2
        version 1
          step to 2: rename('total', 'amount')
          step to 2: add('amount', 1.0), as {shop.module}.old:Purchase
          samples: made
        version 2: not recorded
          step to 3: unchanged, {place}
        version 3: today, not recorded
        """
    assert textwrap.dedent(expected) == told("Sale")


def test_after_a_record(shop, told):
    """The changes are those against the recorded version before."""
    shop.run("record")

    assert "  the field 'total' was " in told("Sale")
    assert "version 3: today\n" in told("Sale")


def test_changed_since(shop, told):
    """A class that is no longer what was recorded for its version is told as that."""
    shop.run("record")
    shop.change(("amount: float = 0.0", "amount: float = 1.0"))

    assert "the class has changed since this was recorded" in told("Sale")


def test_for_programs(shop, told):
    """All of it as JSON."""
    found = json.loads(told("--format", "json", "Sale"))

    assert found["name"] == f"{shop.module}.order"
    assert [info["version"] for info in found["versions"]] == [1, 2, 3]
    assert found["versions"][0]["steps"][0]["what"] == "rename('total', 'amount')"


@pytest.mark.parametrize(
    "name", ["Sale", "{}:Sale", "{}.order", "Order", "{}:Order", "{}.old:Purchase"]
)
def test_names(shop, told, name):
    """A class is found by each name that it has or had."""
    assert told(name.format(shop.module)).startswith(f"{shop.module}:Sale")


def test_typo(told):
    """A name that there is not is answered with those like it."""
    output = told("Sael", status=2)

    assert "Sael: the project has no class of this name; did you mean Sale" in output


def test_nothing_alike(told):
    """Or with the command that shows all."""
    assert "'versionpickle graph' lists them" in told("xyz", status=2)


def test_two_of_a_name(shop, told):
    """A name that two classes have is answered with both."""
    shop.write(
        "class Order: ...\nmigration('{module}.x:Sale', 1, add('b', 1))", "more_{module}.py"
    )
    configure(shop, SECOND + "migration('{module}.x:Sale', 1, add('b', 1))")
    shop.forget()

    output = told("Sale", status=2)

    assert f"2 classes have this name: {shop.module}:Sale, {shop.module}.x:Sale" in output


def test_no_longer_read(shop):
    """Versions before oldest= are marked."""
    configure(
        shop,
        """
@versioned(version=3, oldest=2)
class Order: ...

migration(Order, 1, add("a", 1))
migration(Order, 2, add("b", 1), to=3)
""",
    )

    output = shop.run("history", "Order")

    assert "version 1: no longer read, not recorded" in output
    assert "version 2: not recorded" in output


def test_gone(shop):
    """A class that is gone is known by what was recorded of it, and by its steps."""
    configure(shop, FIRST)
    shop.run("record")
    configure(shop, """migration("{module}:Old", 1, replace(len))""")
    shop.forget()

    recorded, with_steps = shop.run("history", "Order"), shop.run("history", "Old")

    assert recorded.startswith(f"{shop.module}:Order  (name '{shop.module}.order')  gone\n")
    assert "version 1\n" in recorded
    assert with_steps.startswith(f"{shop.module}:Old  gone\n")
    assert "step to 2: replace(len)\n" in with_steps


def test_function_in_c(shop):
    """The place of a function that has none is not told."""
    configure(shop, "@versioned(version=2)\nclass Order: ...\nmigration(Order, 1)(dict)")

    assert "step to 2: dict\n" in shop.run("history", "Order")


class TestCompletion:
    """The shell completes classes from what was recorded, without importing anything."""

    def complete(self, *words):
        *before, begun = words
        completer = ShellComplete(main, {}, "versionpickle", "_VERSIONPICKLE_COMPLETE")
        return [item.value for item in completer.get_completions(list(before), begun)]

    def test_of_classes(self, shop, told):
        found = self.complete("history", shop.module)

        assert found == [f"{shop.module}{name}" for name in (".order", ":Another", ":Order")]
        assert self.complete("history", "Or") == ["Order"]
        assert self.complete("graph", "Order", "Or") == ["Order"]

    def test_of_no_project(self, tmp_path, monkeypatch):
        """Outside of a project there is nothing, and no error."""
        monkeypatch.chdir(tmp_path)

        assert self.complete("history", "") == []

    def test_of_options(self):
        """Options and their values complete as well."""
        assert "--format" in self.complete("graph", "--f")
        assert self.complete("graph", "--format", "m") == ["mermaid"]
