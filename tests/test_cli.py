"""The command line."""

from __future__ import annotations

import json
import pickle
import runpy
import subprocess
import sys

import pytest

from click.testing import CliRunner
from golden_models import MADE, dumps

import versionpickle

from versionpickle.__main__ import main as start
from versionpickle._cli.main import main


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def golden(tmp_path):
    path = tmp_path / "fields.pickle"
    path.write_bytes(dumps(MADE["fields"](), 4))
    return path


class TestInspect:
    """`versionpickle inspect` shows what `inspect` finds."""

    def test_for_people(self, golden):
        """Classes stand in a table."""
        told = run("inspect", golden)

        assert told.exit_code == 0
        assert f"{golden}: protocol 4, " in told.stdout
        for found in versionpickle.inspect(golden.read_bytes()).classes:
            (row,) = (line for line in told.stdout.splitlines() if found.ref in line)
            assert row.split()[:2] == [found.ref, str(found.version)]
            assert all(name in row for name in found.fields)

    def test_refused(self, tmp_path):
        """What would be refused stands with the line that admits it, and so does what is odd."""
        path = tmp_path / "odd.pickle"
        path.write_bytes(pickle.dumps([len, print]) + b"more")

        told = run("inspect", path)

        assert "refused builtins:len: versionpickle.allow('builtins:len')" in told.stdout
        assert "names builtins:print" in told.stdout
        assert "note: 4 bytes follow after its end" in told.stdout

    @pytest.mark.parametrize("name", ["C[/x]", "C[red]", ":bomb:"])
    def test_names_are_no_markup(self, name, tmp_path):
        """What comes from data is shown letter by letter."""
        path = tmp_path / "odd[eu].pickle"
        size = len(name).to_bytes(4, "little")
        path.write_bytes(b"\x80\x04X\x04\0\0\0shopX" + size + name.encode() + b"\x93)\x81.")

        told = run("inspect", path)

        assert told.exit_code == 0
        assert f"shop:{name} " in told.stdout
        assert "odd[eu].pickle" in told.stdout

    def test_steps(self, tmp_path, monkeypatch):
        """Modules of the user's are imported to know the steps."""
        (tmp_path / "shop.py").write_text(SHOP)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [*sys.path])
        path = tmp_path / "old.pickle"
        path.write_bytes(OLD)

        told = run("inspect", "--import", "shop", path)

        assert "rename('total', 'amount')" in told.stdout

    def test_problem(self, tmp_path):
        """What would stop a load stands there as well."""
        path = tmp_path / "unknown.pickle"
        path.write_bytes(OLD.replace(b"cli-order", b"cli-thing"))

        told = run("inspect", path)

        assert "unstamped" not in told.stdout
        assert "cli-thing: nobody declared it here" in told.stdout
        assert "?" in told.stdout

    def test_for_programs(self, golden, tmp_path):
        """All of it as JSON, also what could not be read."""
        told = run("inspect", "--json", golden, tmp_path / "none")

        report, missing = json.loads(told.stdout)
        assert report["file"] == str(golden)
        assert report["classes"][0]["fields"]
        assert missing["error"] == "No such file or directory"
        assert told.exit_code == 1

    def test_no_pickle(self, tmp_path):
        """A file that is none is an error, and others are shown all the same."""
        (tmp_path / "text").write_text("text")
        (tmp_path / "good").write_bytes(pickle.dumps(1, 4))

        told = run("inspect", tmp_path / "text", tmp_path / "good")

        assert "not one complete pickle" in told.stdout
        assert "good: protocol 4" in told.stdout
        assert told.exit_code == 1

    def test_hostile_names(self, tmp_path):
        """What a terminal would obey, or could not show, is shown as an escape."""
        path = tmp_path / "odd.pickle"
        path.write_bytes(b"\x80\x04\x8c\x04a\x1b[m\x8c\x03\xed\xa0\x80\x93.")

        told = run("inspect", path)

        assert "names a\\x1b[m:\\ud800" in told.stdout

    @pytest.mark.parametrize("wrong", [["inspect"], ["inspekt"], ["inspect", "--jsn", "x"]])
    def test_usage(self, wrong):
        """A typo is answered with what there is."""
        told = run(*wrong)

        assert told.exit_code == 2
        assert "Usage:" in told.stderr

    def test_no_module(self, golden):
        """So is a module that is not there."""
        told = run("inspect", "--import", "nonsense_", golden)

        assert told.exit_code == 2
        assert "nonsense_ cannot be imported" in told.stderr


SHOP = """
import attrs
from versionpickle import migration, versioned
from versionpickle.migrations import rename

@versioned(version=2, name="cli-order")
@attrs.define
class Order:
    amount: int

migration(Order, 1, rename("total", "amount"))
"""
REGISTRY = versionpickle.Registry("cli")


@versionpickle.versioned(name="cli-order", registry=REGISTRY)
class Order:
    def __init__(self, total):
        self.total = total


OLD = versionpickle.dumps(Order(1), 4, registry=REGISTRY)


def test_as_a_module(golden):
    """`python -m versionpickle` is the same."""
    command = [sys.executable, "-m", "versionpickle", "inspect", str(golden)]

    told = subprocess.run(command, capture_output=True, text=True, check=True)

    assert told.stdout.startswith(f"{golden}: protocol 4, ")


def test_as_a_function(monkeypatch, capsys):
    """And so is the installed command."""
    monkeypatch.setattr(sys, "argv", ["versionpickle", "--version"])
    monkeypatch.delitem(sys.modules, "versionpickle.__main__")

    for run_it in (start, lambda: runpy.run_module("versionpickle", run_name="__main__")):
        with pytest.raises(SystemExit) as caught:
            run_it()

        assert caught.value.code == 0
        assert versionpickle.__version__ in capsys.readouterr().out


@pytest.mark.parametrize("package", ["click", "rich"])
def test_without_the_extra(package, monkeypatch):
    """Without click and rich, a sentence says how to get them."""
    for name in [name for name in sys.modules if name.startswith("versionpickle._cli")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(versionpickle, "cli", raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(SystemExit, match=r"versionpickle\[cli\]"):
        start()


def test_another_module_is_missing(monkeypatch):
    """What else cannot be imported is not hidden behind that."""
    for name in [name for name in sys.modules if name.startswith("versionpickle._cli")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(versionpickle, "cli", raising=False)
    monkeypatch.setitem(sys.modules, "versionpickle._cli", None)

    with pytest.raises(ModuleNotFoundError, match=r"versionpickle\._cli"):
        start()


def test_names_like_markup(tmp_path):
    """A name in a pickle is shown whole, whatever it would mean to a terminal."""
    name = "C[/x][red]"
    data = b"\x80\x04\x8c\x04shop\x8c" + bytes([len(name)]) + name.encode() + b"\x93)\x81."
    (tmp_path / "a.pickle").write_bytes(data)

    done = run("inspect", tmp_path / "a.pickle")

    assert name in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
