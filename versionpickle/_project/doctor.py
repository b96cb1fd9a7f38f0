"""What is known to bite in the environment of a project."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import locale
import os
import pickle
import re
import shutil
import sqlite3
import subprocess
import sys

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs

from versionpickle.exceptions import ProjectError

from .configuration import FILE, Configuration, found_configuration, import_modules


@attrs.frozen
class Row:
    """What one look at the environment came to."""

    what: str
    level: str
    """*ok*, *note* or *problem*."""

    told: str
    cure: str = ""


def examined(start: Path) -> list[Row]:
    """Look at the interpreter, the packages, and the project that *start* is in."""
    return [*of_environment(), *of_project(start)]


def of_environment() -> Iterator[Row]:
    """Gather the facts about interpreter and packages, and judge them."""
    yield python(sys.implementation.name, sys.version_info[:3])
    yield distributions(_places_of("versionpickle"))
    for name, least in LEAST.items():
        yield package(name, _version_of(name), least)
    pickler: Any = pickle.Pickler
    yield accelerator(is_there=pickler is not vars(pickle).get("_Pickler"))
    yield sqlite(sqlite3.sqlite_version_info)
    yield bytecode(is_written=not sys.dont_write_bytecode)
    yield encoding(locale.getencoding(), sys.stdout.encoding or "")
    yield recursion(sys.getrecursionlimit())


def of_project(start: Path) -> Iterator[Row]:
    """Gather the facts about a project, and judge them."""
    try:
        known = found_configuration(start)
    except ProjectError as exc:
        yield Row("configuration", "problem", f"{exc.file}: {exc.problem}", exc.cure)
        return
    yield configured(None if known is None else known.file)
    if known is None:
        return
    yield modules(_failed_import(known))
    for name, folder in (("schemas", known.schemas), ("samples", known.samples)):
        readable, writable = os.access(folder, os.R_OK | os.X_OK), os.access(folder, os.W_OK)
        shown = _from(known.root, folder)
        yield files(
            name, shown, exists=folder.is_dir(), is_readable=readable, is_writable=writable
        )
    yield version_control(*_of_git(known))


# What each fact comes to


def python(implementation: str, version: Iterable[int]) -> Row:
    """
    Judge the interpreter.

    >>> python("cpython", (3, 12, 1)).level, python("pypy", (3, 11, 0)).level
    ('ok', 'problem')
    """
    number = ".".join(map(str, version))
    if implementation != "cpython":
        told = f"{implementation} {number} runs this, and versionpickle knows CPython's pickle"
        return Row("python", "problem", told, "run it on CPython 3.11 or newer")
    if (*version,) < (3, 11):
        told = f"CPython {number} is older than 3.11"
        return Row("python", "problem", told, "install CPython 3.11 or newer")
    return Row("python", "ok", f"CPython {number}")


LEAST = {"attrs": (24, 1), "click": (8, 1), "rich": (13,)}
"""The oldest versions of packages that will do."""


def package(name: str, version: str | None, least: tuple[int, ...]) -> Row:
    """
    Judge the version of a package.

    >>> package("attrs", "23.2.0", (24, 1)).told
    'attrs 23.2.0 is older than 24.1'
    """
    needed = ".".join(map(str, least))
    cure = f"pip install '{name}>={needed}'"
    if version is None:
        return Row(name, "problem", f"{name} is not installed", cure)
    if tuple(map(int, re.findall(r"\d+", version))) < least:
        return Row(name, "problem", f"{name} {version} is older than {needed}", cure)
    return Row(name, "ok", f"{name} {version}")


def distributions(places: Iterable[str]) -> Row:
    found = list(dict.fromkeys(places))
    if len(found) > 1:
        told = f"versionpickle is installed {len(found)} times: {', '.join(found)}"
        cure = "uninstall all but one, or take the others off PYTHONPATH"
        return Row("versionpickle", "problem", told, cure)
    if not found:
        told = "versionpickle runs from a folder, and is not installed"
        return Row(
            "versionpickle", "note", told, "pip install it, so that others find its version"
        )
    return Row("versionpickle", "ok", "versionpickle is installed once")


def accelerator(*, is_there: bool) -> Row:
    if is_there:
        return Row("pickle", "ok", "pickle has its part in C")
    told = "pickle runs without its part in C (_pickle), and all dumps and loads are slow"
    return Row("pickle", "note", told, "use a build of CPython that has it")


def sqlite(version: tuple[int, ...]) -> Row:
    """
    Judge the SQLite library that `sqlite3` uses.

    >>> [sqlite(v).level for v in [(3, 40, 1), (3, 44, 6), (3, 50, 7), (3, 51, 2), (3, 51, 3)]]
    ['note', 'ok', 'ok', 'note', 'ok']
    """
    number = ".".join(map(str, version))
    is_backport = any(fixed <= version < (3, fixed[1] + 1) for fixed in _BACKPORTS)
    if version >= _FIXED or version < _BROKEN or is_backport:
        return Row("sqlite", "ok", f"SQLite {number}")
    told = (
        f"SQLite {number} is known to lose data in rare WAL checkpoints, as all up to 3.51.2 but "
        "3.44.6 and 3.50.7 are"
    )
    cure = "use 3.51.3 or newer, or do not write from two connections at once in WAL mode"
    return Row("sqlite", "note", told, cure)


_BROKEN = (3, 7, 0)  # https://www.sqlite.org/wal.html#walresetbug
_FIXED = (3, 51, 3)
_BACKPORTS = ((3, 44, 6), (3, 50, 7))


def bytecode(*, is_written: bool) -> Row:
    if is_written:
        return Row("bytecode", "ok", "imports keep their bytecode")
    told = "no bytecode is written (PYTHONDONTWRITEBYTECODE or -B), which makes each start slower"
    return Row("bytecode", "note", told, "unset it, or run python -m compileall once")


def encoding(files: str, terminal: str) -> Row:
    """
    Judge in what text is read and written.

    >>> encoding("UTF-8", "utf-8").level, encoding("cp1252", "utf-8").told
    ('ok', 'text files are read as cp1252, and not as UTF-8')
    """
    if not _is_utf8(files):
        told = f"text files are read as {files}, and not as UTF-8"
    elif not _is_utf8(terminal):
        told = f"what is printed is written as {terminal or 'nothing known'}, and not as UTF-8"
    else:
        return Row("encoding", "ok", "text is UTF-8")
    return Row("encoding", "note", told, "set PYTHONUTF8=1, or LC_ALL to a UTF-8 locale")


def _is_utf8(name: str) -> bool:
    return name.lower().replace("_", "-") in {"utf-8", "utf8"}


def recursion(limit: int) -> Row:
    """
    Judge the recursion limit.

    >>> [recursion(limit).level for limit in (100, 1000, 1_000_000)]
    ['note', 'ok', 'note']
    """
    cure = "leave sys.setrecursionlimit() alone: versionpickle's own dumps need no more of it"
    if limit < _LOWEST:
        return Row("recursion", "note", f"a recursion limit of {limit} stops good code", cure)
    if limit > _HIGHEST:
        told = f"with a recursion limit of {limit}, deep objects crash plain pickle"
        return Row("recursion", "note", told, cure)
    return Row("recursion", "ok", f"the recursion limit is {limit}")


_LOWEST, _HIGHEST = 500, 20_000


def configured(file: Path | None) -> Row:
    if file is None:
        told = f"there is no [tool.versionpickle] in a {FILE} here or above"
        return Row("configuration", "note", told, "run 'versionpickle init' in the project's root")
    return Row("configuration", "ok", f"{file} holds [tool.versionpickle]")


def modules(failed: ProjectError | None) -> Row:
    if failed is not None:
        return Row("modules", "problem", failed.problem, failed.cure)
    return Row("modules", "ok", "all modules can be imported")


def files(what: str, folder: str, *, exists: bool, is_readable: bool, is_writable: bool) -> Row:
    """Judge a folder that holds what was recorded."""
    if not exists:
        return Row(what, "note", f"there is no folder {folder}", "run 'versionpickle record'")
    if not is_readable:
        return Row(
            what, "problem", f"{folder} may not be read", "let yourself read it: chmod u+rx"
        )
    if not is_writable:
        told = f"{folder} may not be written: 'versionpickle record' will fail"
        return Row(what, "note", told, "record where the folder can be written")
    return Row(what, "ok", f"{folder} is there")


def version_control(ignored: Iterable[str] | None, untracked: Iterable[str] = ()) -> Row:
    """
    Judge whether what was recorded is kept; *ignored* is None where there is no git.

    >>> version_control(["schemas/samples/x/1-made.pickle"]).level
    'problem'
    """
    what = "git"
    if ignored is None:
        told = "the project is in no git repository, as far as can be told"
        return Row(what, "note", told, "keep schemas and samples under version control")
    left_out, new = sorted(ignored), sorted(untracked)
    if left_out:
        told = f"git ignores {left_out[0]}, and what is recorded would be lost"
        return Row(what, "problem", told, f"write !{left_out[0]} into .gitignore, or git add -f")
    if new:
        told = f"{len(new)} recorded files are not in git yet, such as {new[0]}"
        return Row(what, "note", told, "git add them, and commit")
    return Row(what, "ok", "schemas and samples are in git")


# How the facts are found


def _version_of(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _places_of(name: str) -> list[str]:
    found = importlib.metadata.distributions(name=name)
    return [str(Path(str(one.locate_file(""))).resolve()) for one in found]


def _failed_import(known: Configuration) -> ProjectError | None:
    try:
        import_modules(known)
    except ProjectError as exc:
        return exc
    return None


def _from(root: Path, path: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _of_git(known: Configuration) -> tuple[list[str] | None, list[str]]:
    """Return which recorded files git ignores, and which it does not know."""
    if shutil.which("git") is None or _git(known.root, "rev-parse") is None:
        return None, []
    recorded = [*known.schemas.glob("*.json"), *known.samples.glob("*/*.*")]
    paths = [_from(known.root, path) for path in recorded] or [
        _from(known.root, known.schemas / "a.json"),
        _from(known.root, known.samples / "a" / "1-a.pickle"),
    ]
    ignored = _git(known.root, "check-ignore", "--", *paths) or []
    untracked = _git(known.root, "ls-files", "--others", "--exclude-standard", "--", *paths)
    return ignored, untracked or []


def _git(root: Path, *arguments: str) -> list[str] | None:
    """Return the lines that git prints; None where it fails."""
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603
    return done.stdout.splitlines() if done.returncode == 0 else None
