"""`versionpickle diff`: what has changed, and who can read whose data."""

from __future__ import annotations

import json
import subprocess

import pytest

from shops import shop_in


MODELS = """\
import attrs

from versionpickle import Versioned, alias, migration, retire, versioned
from versionpickle.migrations import add, become, convert, remove, rename


@versioned(version=2, oldest=2, name="{module}.order")
@attrs.define
class Order:
    number: int
    currency: str = "USD"


@versioned
@attrs.define
class Line:
    text: str


@versioned
@attrs.define
class Card(Line):
    owner: str = ""


@versioned
class Open:
    pass
"""
NEXT = ("version=2, oldest=2", "version=3, oldest=2")
LINE = "@versioned\n@attrs.define\nclass Line"


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as made:
        made.write(MODELS)
        made.run("init", made.module)
        yield made


def step(code):
    return ("\n\n\n@versioned\n@attrs.define\nclass Line", f"\n{code}\n{LINE}")


def told(shop, *changes, ref="{module}:Order", options=()):
    """What is told of one class; it is the first that has changed."""
    shop.change(*changes)
    found = json.loads(shop.run("diff", "--format", "json", *options))
    return next(one for one in found if one["ref"] == ref.format(module=shop.module))


class TestSameVersion:
    """Classes whose version is still what it was."""

    @pytest.mark.parametrize(
        ("change", "reads", "problem"),
        [
            (("number: int", "number: int\n    paid: bool = False"), "backward", "extra='keep'"),
            (("number: int", "number: int\n    paid: bool"), "neither", "missing 'paid'"),
            (("    number: int\n", ""), "neither", "it needs the field 'number'"),
            (('    currency: str = "USD"\n', ""), "forward", "left over 'currency'"),
            (("number: int", "number: str"), "neither", "values of its old type, int"),
            (("number: int", "number: int | None"), "backward", "its 'number' takes int, not"),
            (("number: int", "number: bool"), "forward", "values of its old type, int"),
            (("number: int", "number: object"), "backward", "not object"),
            (('"USD"', '"EUR"'), "both", ""),
            (("oldest=2", 'oldest=2, transient="currency"'), "both", ""),
        ],
    )
    def test_fields(self, shop, change, reads, problem):
        """What a load would meet is told."""
        found = told(shop, change)

        assert reads == found["reads"]
        assert problem in " ".join(found["old_problems"] + found["new_problems"])
        assert (2, 2) == (found["before"], found["today"])

    def test_kept_fields(self, shop):
        """With extra='keep', both go on."""
        change = ("oldest=2", 'oldest=2, extra="keep"')

        found = told(shop, change, ("number: int", "number: int\n    paid: bool = False"))

        assert ("both", []) == (found["reads"], found["new_problems"])

    def test_identical(self, shop):
        """What is the same is not told."""
        assert "[]\n" == shop.run("diff", "--format", "json")
        assert "4 classes, none changed\n" == shop.run("diff")


class TestOtherVersions:
    """Classes whose version was raised."""

    def test_steps_that_can_be_undone(self, shop):
        """Yesterday's code can be served."""
        change = step('migration(Order, 2, rename("number", "no"))')

        found = told(shop, NEXT, ("number: int", "no: int"), change)

        assert ("backward", True) == (found["reads"], found["writes_old"])
        assert [
            "it raises FutureVersionError",
            f"dumps(versions={{'{shop.module}.order': 2}}) writes what it reads",
        ] == found["new_problems"]
        assert [f"step 2 -> 3 of {shop.module}:Order (rename('number', 'no'))"] == found["steps"]

    def test_steps_that_cannot(self, shop):
        """It cannot."""
        change = step('migration(Order, 2, remove("number"))')

        found = told(shop, NEXT, ("    number: int\n", ""), change)

        assert ("backward", False) == (found["reads"], found["writes_old"])
        assert "cannot help: " in found["new_problems"][1]

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ([NEXT], "no step leaves version 2"),
            (
                [("version=2, oldest=2", "version=3, oldest=3")],
                "the oldest version that this code reads",
            ),
            ([NEXT, step('migration(Order, 2, rename("x", "y"))')], "there is no field 'x'"),
            ([("version=2, oldest=2", "version=1")], "which is newer than the class"),
        ],
    )
    def test_old_data_is_left_behind(self, shop, changes, problem):
        """What would stop it is told."""
        found = told(shop, *changes)

        assert "neither" == found["reads"]
        assert problem in found["old_problems"][0]

    def test_bases(self, shop):
        """They have versions of their own."""
        found = told(
            shop,
            (LINE, LINE.replace("@versioned", "@versioned(2)")),
            ("text: str", "word: str"),
            (
                "\n\n\n@versioned\n@attrs.define\nclass Card",
                (
                    '\nmigration(Line, 1, rename("text", "word"))\n'
                    "@versioned\n@attrs.define\nclass Card"
                ),
            ),
            ref="{module}:Card",
        )

        assert ("backward", True) == (found["reads"], found["writes_old"])
        line = f"{shop.module}:Line"
        assert [f"version 1 of its base {line} became 2"] == found["changes"]
        assert f"dumps(versions={{'{line}': 1}}) writes what it reads" == found["new_problems"][1]


class TestNames:
    """Classes that came, went, or are called otherwise."""

    def test_new(self, shop):
        """Nothing was stored of them."""
        found = told(shop, (LINE, f"@versioned\nclass New: pass\n\n\n{LINE}"), ref="{module}:New")

        assert ("backward", None) == (found["reads"], found["before"])

    @pytest.mark.parametrize(
        ("code", "reads"),
        [
            ("", "forward"),
            ("retire('{module}:Open')", "both"),
            ("migration('{module}:Open', 1, become({Line: 1}))", "both"),
            ("alias('{module}:Open', '{module}:Line')", "both"),
            ("alias('{module}:Open', Order)", "forward"),
        ],
    )
    def test_gone(self, shop, code, reads):
        """What became of them decides."""
        code = code.replace("{module}", shop.module)

        found = told(shop, ("@versioned\nclass Open:\n    pass\n", code), ref="{module}:Open")

        assert (reads, None) == (found["reads"], found["today"])

    def test_moved(self, shop):
        """Yesterday's code does not know the new name."""
        found = told(
            shop,
            ("@versioned\nclass Open:", f'@versioned(formerly="{shop.module}:Open")\nclass Shut:'),
            ref="{module}:Shut",
        )

        assert "backward" == found["reads"]
        assert [f"it was {shop.module}:Open"] == found["changes"]
        assert [f"it does not know the name '{shop.module}:Shut'"] == found["new_problems"]

    def test_another_stable_name(self, shop):
        """As little."""
        found = told(
            shop,
            ("@versioned\nclass Open:", '@versioned(name="open.diff")\nclass Open:'),
            ref="{module}:Open",
        )

        assert ["its stable name was none"] == found["changes"]
        assert "backward" == found["reads"]


def test_diff_for_people(shop):
    """All stands below the class."""
    shop.change(("number: int", "number: str"), ("text: str", "text: str = ''"))

    assert [
        f"{shop.module}:Order",
        "  the field 'number' was int, and is str",
        "  today's code cannot read old data, and yesterday's code cannot read new data",
        "    today's code: the field 'number' would hold values of its old type, int",
        "    yesterday's code: its 'number' takes int, not str",
        f"{shop.module}:Line",
        "  the default of 'text' was none, and is ''",
        "  today's code reads old data, and yesterday's code reads new data",
        "4 classes, 2 changed",
    ] == shop.run("diff").splitlines()


class TestGit:
    """Schemas of a commit."""

    @pytest.fixture(autouse=True)
    def repository(self, shop):
        for command in (
            ["init", "--quiet"],
            ["add", "--all"],
            ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "first"],
            ["tag", "v1"],
        ):
            subprocess.run(["git", *command], cwd=shop.folder, check=True)

    def test_against_a_commit(self, shop):
        """What was recorded since does not count."""
        shop.change(
            NEXT, ("number: int", "no: int"), step('migration(Order, 2, rename("number", "no"))')
        )
        shop.run("record")

        assert "none changed" in shop.run("diff")
        shop.forget()
        told = shop.run("diff", "--against", "v1")

        assert "  version 2 became 3\n" in told
        assert f"  step 2 -> 3 of {shop.module}:Order (rename('number', 'no'))\n" in told
        assert "today's code reads old data, but yesterday's code cannot read new data\n" in told
        assert "    yesterday's code: it raises FutureVersionError\n" in told
        assert told.endswith("4 classes, 1 changed\n")

    def test_old_data_that_does_not_load(self, shop):
        """Is told as today's problem."""
        shop.change(NEXT)

        told = shop.run("diff", "--against", "HEAD")

        assert "    today's code: " in told
        assert "no step leaves version 2" in told

    def test_before_any_was_recorded(self, shop):
        """All classes are new."""
        subprocess.run(["git", "rm", "-rq", "--cached", "schemas"], cwd=shop.folder, check=True)
        commit = ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "second"]
        subprocess.run(["git", *commit], cwd=shop.folder, check=True)

        assert 4 == len(json.loads(shop.run("diff", "--against", "HEAD", "--format", "json")))

    @pytest.mark.parametrize("commit", ["nonsense", "--help", "v1:schemas"])
    def test_no_commit(self, shop, commit):
        """What git says is told."""
        told = shop.run("diff", f"--against={commit}", status=2)

        assert f"Error: {commit}: git rev-parse failed: " in told
        assert "name a commit, branch or tag of this project" in told

    def test_a_damaged_schema(self, shop):
        """Is named with its commit."""
        (shop.folder / "schemas" / "damaged.json").write_text("{")
        subprocess.run(["git", "add", "--all"], cwd=shop.folder, check=True)
        commit = ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "second"]
        subprocess.run(["git", *commit], cwd=shop.folder, check=True)
        (shop.folder / "schemas" / "damaged.json").unlink()

        told = shop.run("diff", "--against", "HEAD", status=2)

        assert "Error: HEAD:schemas/damaged.json: this is not a valid schema" in told

    def test_without_git(self, shop, monkeypatch):
        """The cure is to install it."""
        monkeypatch.setenv("PATH", "")

        assert "git is not installed" in shop.run("diff", "--against", "HEAD", status=2)


def test_outside_of_a_repository(shop):
    """Git says so."""
    assert "git rev-parse failed: 'fatal: " in shop.run("diff", "--against", "HEAD", status=2)
