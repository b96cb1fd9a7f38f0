"""`versionpickle merge`: two branches that gave a class its next version."""

from __future__ import annotations

import json
import subprocess

import pytest

from shops import HEAD, configure, shop_in


ORDER = """
@versioned(version=1)
@attrs.define
class Order:
    number: int
{fields}
{steps}
"""


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as made:
        yield made


def git(*arguments, status=0):
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    assert status == done.returncode, done.stdout + done.stderr


def source(version, *fields):
    """The module with these fields, one step for each."""
    lines = "\n".join(f"    {name}: int" for name in fields)
    steps = "\n".join(
        f'migration(Order, {number}, add("{name}", 0))' for number, name in enumerate(fields, 1)
    )
    return ORDER.format(fields=lines, steps=steps).replace("version=1", f"version={version}")


def commit(shop, text):
    shop.write(HEAD + text)
    shop.forget()
    shop.run("record")
    git("add", ".")
    git("commit", "--quiet", "-m", "Change")


@pytest.fixture
def repository(shop):
    """A project whose branches have both added fields."""
    git("init", "--quiet", "--initial-branch=main")
    git("config", "user.email", "a@example.org")
    git("config", "user.name", "A")
    (shop.folder / ".gitignore").write_text("__pycache__\n")
    configure(shop, source(1))
    commit(shop, source(1))
    git("switch", "--quiet", "--create", "other")
    (shop.folder / "other.py").write_text("x = 1\n")
    commit(shop, source(3, "gift", "paid"))
    git("switch", "--quiet", "main")
    commit(shop, source(2, "sent"))
    return shop


def path_of(shop):
    return shop.folder / f"{shop.module}.py"


def resolve(shop):
    """Keep the fields and the steps of both branches."""
    text = source(2, "sent")
    others = source(3, "gift", "paid")
    steps = others[others.index("migration(") :]
    text = text.replace("    sent: int\n", "    sent: int\n    gift: int\n    paid: int\n")
    path_of(shop).write_text(HEAD + text + steps)
    shop.forget()


def test_numbers(repository):
    """The second branch gets the next numbers; what main ever stored still loads."""
    git("merge", "other", status=1)
    assert "this file has conflicts; resolve them first" in repository.run("merge", status=2)
    resolve(repository)

    told = repository.run("merge")

    assert (
        f"{repository.module}:Order: of the versions of the other branch, 2 is 3, 3 is 4" in told
    )
    assert f"{repository.module}.py: 3 edits" in told
    text = path_of(repository).read_text()
    assert "@versioned(version=4)" in text
    assert 'migration(Order, 1, add("sent", 0))' in text
    assert 'migration(Order, 2, add("gift", 0))' in text
    assert 'migration(Order, 3, add("paid", 0))' in text
    assert "removed schemas/samples/" in told
    repository.run("record")
    schema = repository.folder / "schemas" / f"{repository.module}.Order.json"
    assert [1, 2, 4] == [one["version"] for one in json.loads(schema.read_text())["versions"]]
    repository.forget()
    assert "no findings" in repository.run("check")


def test_no_merge(repository):
    """Outside of a merge there is nothing to do."""
    assert "no merge is in progress" in repository.run("merge", status=2)


def test_no_schema(repository):
    """Other conflicts are for the user."""
    git("merge", "other", status=1)
    git("checkout", "--ours", ".")
    git("add", ".")

    assert "no recorded schema is in conflict" in repository.run("merge", status=2)


def test_one_branch(shop):
    """A schema that both changed otherwise is for the user as well."""
    git("init", "--quiet", "--initial-branch=main")
    git("config", "user.email", "a@example.org")
    git("config", "user.name", "A")
    configure(shop, source(1))
    commit(shop, source(1))
    git("switch", "--quiet", "--create", "other")
    git("rm", "--quiet", "-r", "schemas")
    git("commit", "--quiet", "-m", "Remove")
    git("switch", "--quiet", "main")
    commit(shop, source(2, "sent"))
    git("merge", "other", status=1)

    assert "did not both add a version to this class" in shop.run("merge", status=2)


def test_adopted_classes(tmp_path):
    """The version of an adoption is raised, and steps for a ref are renumbered."""
    from versionpickle._project.merging import Renumbered

    ours = "adopt(lib.Part, 2)\nclass Part(Versioned, version=2): pass\nrun()\n"
    theirs = "migration('m:Part', 1, to=2, registry=None)\nmigration(Other, 1)\n"
    file = tmp_path / "m.py"
    file.write_text(ours + theirs)

    assert 4 == Renumbered("m:Part", "m:Part", 1, 2, 1).edit(file, ours, theirs)

    assert (
        "adopt(lib.Part, 3)\nclass Part(Versioned, version=3): pass\nrun()\n"
        "migration('m:Part', 2, to=3, registry=None)\nmigration(Other, 1)\n"
    ) == file.read_text()
    file.write_text("x = 1\n")
    assert 0 == Renumbered("m:Part", "m:Part", 1, 2, 1).edit(file, "", "x = 1\n")
