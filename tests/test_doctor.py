"""`versionpickle doctor` looks for what is known to bite."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from pathlib import Path

import pytest

from shops import configure, shop_in

from versionpickle._project import doctor
from versionpickle.exceptions import ProjectError


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as shop:
        yield shop


MODELS = "@versioned\n@attrs.define\nclass Order:\n    number: int\n"


class TestChecks:
    """Each check takes facts, and returns a result."""

    @pytest.mark.parametrize(
        ("result", "level", "message"),
        [
            (doctor.python("cpython", (3, 11, 0)), "ok", "CPython 3.11.0"),
            (doctor.python("pypy", (3, 11, 0)), "problem", "pypy 3.11.0"),
            (doctor.package("attrs", "24.1.0", (24, 1)), "ok", "attrs 24.1.0"),
            (doctor.package("attrs", "23.2.0", (24, 1)), "problem", "older than 24.1"),
            (doctor.package("rich", "13.0.0rc1", (13,)), "ok", "rich 13.0.0rc1"),
            (doctor.distributions([]), "note", "is not installed"),
            (doctor.distributions(["/a", "/a"]), "ok", "installed once"),
            (doctor.distributions(["/a", "/b"]), "problem", "2 times: /a, /b"),
            (doctor.bytecode(is_written=True), "ok", "bytecode"),
            (doctor.bytecode(is_written=False), "note", "PYTHONDONTWRITEBYTECODE"),
            (doctor.encoding("UTF-8", "utf8"), "ok", "UTF-8"),
            (doctor.encoding("cp1252", "utf-8"), "note", "read as cp1252"),
            (doctor.encoding("utf_8", "ascii"), "note", "written as ascii"),
            (doctor.encoding("utf-8", ""), "note", "written as an unknown encoding"),
            (doctor.configured(None), "note", "no [tool.versionpickle]"),
            (doctor.configured(Path("p")), "ok", "p has"),
            (doctor.modules(None), "ok", "can be imported"),
            (doctor.modules(ProjectError("f", "x fails", "fix it")), "problem", "x fails"),
            (doctor.version_control(None), "note", "seem to be in a git repository"),
            (doctor.version_control([], []), "ok", "are in git"),
            (doctor.version_control([], ["a", "b"]), "note", "2 recorded files"),
            (doctor.version_control(["b"], ["a"]), "problem", "git ignores b"),
        ],
    )
    def test_of(self, result, level, message):
        assert (level, True) == (result.level, message in result.message)
        assert bool(result.cure) == (level != "ok")

    @pytest.mark.parametrize(
        ("exists", "is_readable", "is_writable", "level"),
        [
            (False, False, False, "note"),
            (True, False, False, "problem"),
            (True, True, False, "note"),
            (True, True, True, "ok"),
        ],
    )
    def test_folders(self, exists, is_readable, is_writable, level):
        """A folder may be away, closed, or on a read-only filesystem."""
        result = doctor.files(
            "samples",
            "schemas/samples",
            exists=exists,
            is_readable=is_readable,
            is_writable=is_writable,
        )

        assert level == result.level

    @pytest.mark.parametrize(
        ("version", "level"),
        [
            ((3, 44, 5), "note"),
            ((3, 44, 6), "ok"),
            ((3, 45, 0), "note"),
            ((3, 50, 6), "note"),
            ((3, 50, 7), "ok"),
            ((3, 51, 0), "note"),
            ((3, 51, 2), "note"),
            ((3, 51, 3), "ok"),
            ((3, 53, 0), "ok"),
        ],
    )
    def test_sqlite(self, version, level):
        """The defect of the write-ahead log is in all versions up to 3.51.2 but two."""
        assert level == doctor.sqlite(version).level


class TestCommand:
    """The command gathers the facts."""

    def results(self, shop, status=0):
        message = json.loads(shop.run("doctor", "--format", "json", status=status))
        return {result["name"]: result for result in message}

    def test_well(self, shop):
        """A recorded project that is in git is well, as far as the environment is."""
        configure(shop, MODELS)
        shop.run("record")
        git("init", ".")
        git("add", ".")

        results = self.results(shop)

        found = {name: results[name]["level"] for name in PROJECT}
        assert found == dict.fromkeys(PROJECT, "ok")
        assert results["python"]["level"] == "ok"

    def test_not_in_git(self, shop):
        """What was not added yet, or is ignored, is message."""
        configure(shop, MODELS)
        git("init", ".")
        ignore = shop.folder / ".gitignore"
        ignore.write_text("*.pickle\n")

        assert "schemas/samples/a/1-a.pickle" in self.results(shop, status=1)["git"]["message"]
        shop.run("record")
        assert "/1-made.pickle" in self.results(shop, status=1)["git"]["message"]
        ignore.unlink()
        assert self.results(shop)["git"]["level"] == "note"

    def test_no_git(self, shop, monkeypatch):
        """There may be no git at all."""
        configure(shop, MODELS)
        monkeypatch.setenv("PATH", "")

        assert "in a git repository" in self.results(shop)["git"]["message"]

    def test_in_no_repository(self, shop, monkeypatch):
        """Or no repository."""
        configure(shop, MODELS)
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(shop.folder.parent))

        assert "in a git repository" in self.results(shop)["git"]["message"]

    def test_folder_outside(self, shop):
        """Folders outside of the project's are shown whole."""
        configure(shop, MODELS)
        with (shop.folder / "pyproject.toml").open("a") as file:
            file.write('samples = "/nowhere/samples"\n')

        assert "/nowhere/samples" in self.results(shop)["samples"]["message"]

    def test_module_that_fails(self, shop):
        """A module that cannot be imported is a problem."""
        configure(shop, "raise ValueError('broken')")

        assert "broken" in self.results(shop, status=1)["modules"]["message"]

    def test_without_a_project(self, shop):
        """Outside of a project, the environment alone is looked at."""
        results = self.results(shop)

        assert results["configuration"]["level"] == "note"
        assert "modules" not in results

    def test_bad_configuration(self, shop):
        """A configuration that is no good is a problem."""
        (shop.folder / "pyproject.toml").write_text("[tool.versionpickle]\nmodules = 1\n")

        assert "names no modules" in self.results(shop, status=1)["configuration"]["message"]

    def test_for_people(self, shop):
        """Each result is a line, and a cure another."""
        lines = shop.run("doctor").splitlines()

        assert (
            "note    there is no [tool.versionpickle] in a pyproject.toml here or above" in lines
        )
        assert "        run 'versionpickle init' in the project's root" in lines

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_read_only(self, shop):
        """A folder that is not writable is reported."""
        configure(shop, MODELS)
        shop.run("record")
        (shop.folder / "schemas").chmod(0o500)

        level = self.results(shop)["schemas"]["level"]
        (shop.folder / "schemas").chmod(0o700)
        assert level == "note"


PROJECT = ("configuration", "modules", "schemas", "samples", "git")


def git(*arguments):
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def test_of_a_fresh_process(shop):
    """It runs where nothing has been imported, and changes nothing."""
    configure(shop, MODELS)
    before = sorted(shop.folder.rglob("*"))
    command = [sys.executable, "-B", "-m", "versionpickle", "doctor"]

    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=shop.folder)

    assert "no bytecode is written" in done.stdout
    assert before == sorted(shop.folder.rglob("*"))
