"""A project under guard, change after change, as a user would live through it."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys

from pathlib import Path

import pytest

from zygote import Zygote

import versionpickle


MODELS = """\
import attrs

from versionpickle import versioned


@versioned
@attrs.define
class Line:
    text: str


@versioned
@attrs.define
class Order:
    number: int
    paid: bool
    lines: list[Line] = attrs.field(factory=list)
"""
STORY = Path(__file__).parents[1] / "examples" / "shop_story"
LOAD_ALL = """
import pathlib, pickle, sys
for path in sorted(pathlib.Path("schemas/samples").rglob("*.pickle")):
    found = pickle.loads(path.read_bytes())
    print(path.parent.name, path.stem, found, sep="|")
"""


class Repository:
    """A project in a git repository, all commands in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = folder / "shop" / "models.py"

    def run(self, *command, status=0):
        ours = str(Path(versionpickle.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": ours, "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, env=environment
        )
        assert status == done.returncode, done.stdout + done.stderr
        return done.stdout + done.stderr

    def versionpickle(self, *arguments, status=0):
        return self.run(sys.executable, "-m", "versionpickle", *arguments, status=status)

    def git(self, *arguments, status=0):
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        return self.run("git", *who, *arguments, status=status)

    def commit(self, title):
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", title)

    def change(self, *changes, file=None):
        file = file or self.models
        text = file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file.write_text(text)

    def samples(self):
        return {path: path.read_bytes() for path in self.folder.rglob("*.pickle")}

    def mend(self, problem, *options):
        """A change is found, made, and then all is well."""
        before = self.samples()
        assert problem in self.versionpickle("check", status=1)
        self.versionpickle("make", "--no-input", *options)
        assert "no findings" in self.versionpickle("check")
        return before

    def loaded(self):
        """What all samples are by now, loaded by plain pickle."""
        return [
            line.split("|")
            for line in self.run(sys.executable, "-c", "import shop.models;" + LOAD_ALL).split(
                "\n"
            )
            if line
        ]


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    found = Repository(tmp_path_factory.mktemp("story"))
    found.models.parent.mkdir()
    (found.models.parent / "__init__.py").touch()
    (found.folder / ".gitignore").write_text("__pycache__\n")
    found.models.write_text(MODELS)
    found.git("init", "--quiet", "--initial-branch=main")
    assert "2 classes recorded" in found.versionpickle("init", "shop.models")
    found.commit("Orders")
    return found


def test_fourteen_changes(tmp_path, monkeypatch):
    """Each is found and made, and the store of the first release loads after each."""
    monkeypatch.syspath_prepend(STORY)
    main = runpy.run_path(str(STORY / "__main__.py"))
    zygote = Zygote()

    def run(folder, arguments):
        if arguments[0] == "-c":
            return 0, zygote.ask(folder, "python", arguments[1])
        return zygote.ask(folder, "run", arguments)

    try:
        told = "\n".join(main["lines"](tmp_path, run)) + "\n"
    finally:
        zygote.close()

    assert (STORY / "story.txt").read_text("utf-8") == told


def test_two_branches(repository):
    """Both raise the version: git stops them, and a new number mends it."""
    repository.git("switch", "--quiet", "--create", "shipping")
    repository.change(("    paid: bool\n", "    paid: bool\n    shipped: bool\n"))
    repository.mend("'shipped' was added", "--add", "shipped=False")
    repository.commit("Shipping")
    repository.git("switch", "--quiet", "main")
    repository.change(("    paid: bool\n", "    paid: bool\n    gift: bool\n"))
    repository.mend("'gift' was added", "--add", "gift=False")
    repository.commit("Gifts")

    told = repository.git("merge", "shipping", status=1)

    assert "CONFLICT (content): Merge conflict in schemas/shop.models.Order.json" in told
    assert "cannot be imported (SyntaxError" in repository.versionpickle("check", status=2)
    repository.git("checkout", "--ours", "shop")
    assert "this is not a valid schema" in repository.versionpickle("check", status=2)
    repository.git("checkout", "--ours", ".")
    repository.change(("    gift: bool\n", "    gift: bool\n    shipped: bool\n"))
    repository.mend("'shipped' was added", "--add", "shipped=False")
    repository.commit("Merge shipping")
    orders = [row for row in repository.loaded() if row[0] == "shop.models.Order"]
    assert [f"{number}-made" for number in range(1, 4)] == [name for _, name, _ in orders]
    assert all("gift=" in shown and "shipped=" in shown for _, _, shown in orders)
    assert 'latest": "3 ' in (repository.folder / "schemas" / "shop.models.Order.json").read_text()
