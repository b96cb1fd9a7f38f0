"""Known problems in the environment of a project."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import locale
import os
import re
import sqlite3
import sys

from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from versionpickle.exceptions import ProjectError

from .configuration import FILE, Configuration, found_configuration, import_modules
from .git import git_lines


@attrs.frozen
class Diagnosis:
    """The result of one check of the environment."""

    name: str
    level: str
    """*ok*, *note* or *problem*."""

    message: str
    cure: str = ""


def examine(start: Path) -> list[Diagnosis]:
    """Check the interpreter, the packages, and the project that *start* is in."""
    return [*of_environment(), *of_project(start)]


def of_environment() -> Iterator[Diagnosis]:
    """Check the interpreter and the packages."""
    yield python(sys.implementation.name, sys.version_info[:3])
    yield distributions(_places_of("versionpickle"))
    for name, least in LEAST.items():
        yield package(name, importlib.metadata.version(name), least)
    yield sqlite(sqlite3.sqlite_version_info)
    yield bytecode(is_written=not sys.dont_write_bytecode)
    yield encoding(locale.getencoding(), sys.stdout.encoding or "")


def of_project(start: Path) -> Iterator[Diagnosis]:
    """Check the configuration, files and version control of a project."""
    try:
        known = found_configuration(start)
    except ProjectError as exc:
        yield Diagnosis("configuration", "problem", f"{exc.file}: {exc.problem}", exc.cure)
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


# Judging the facts


def python(implementation: str, version: Iterable[int]) -> Diagnosis:
    """
    Judge the interpreter.

    >>> python("cpython", (3, 12, 1)).level, python("pypy", (3, 11, 0)).level
    ('ok', 'problem')
    """
    number = ".".join(map(str, version))
    if implementation != "cpython":
        message = f"{implementation} {number}: versionpickle needs the pickle module of CPython"
        return Diagnosis("python", "problem", message, "run it on CPython 3.11 or newer")
    return Diagnosis("python", "ok", f"CPython {number}")


LEAST = {"attrs": (24, 1), "click": (8, 1), "rich": (13,)}
"""The oldest supported versions of packages."""


def package(name: str, version: str, least: tuple[int, ...]) -> Diagnosis:
    """
    Judge the version of a package.

    >>> package("attrs", "23.2.0", (24, 1)).message
    'attrs 23.2.0 is older than 24.1'
    """
    needed = ".".join(map(str, least))
    cure = f"pip install '{name}>={needed}'"
    if tuple(map(int, re.findall(r"\d+", version))) < least:
        return Diagnosis(name, "problem", f"{name} {version} is older than {needed}", cure)
    return Diagnosis(name, "ok", f"{name} {version}")


def distributions(places: Iterable[str]) -> Diagnosis:
    found = list(dict.fromkeys(places))
    if len(found) > 1:
        message = f"versionpickle is installed {len(found)} times: {', '.join(found)}"
        cure = "uninstall all but one, or remove the others from PYTHONPATH"
        return Diagnosis("versionpickle", "problem", message, cure)
    if not found:
        message = "versionpickle runs from a folder and is not installed"
        return Diagnosis(
            "versionpickle",
            "note",
            message,
            "install it with pip, so that its version can be found",
        )
    return Diagnosis("versionpickle", "ok", "versionpickle is installed once")


def sqlite(version: tuple[int, ...]) -> Diagnosis:
    """
    Judge the SQLite library that `sqlite3` uses.

    >>> [sqlite(v).level for v in [(3, 40, 1), (3, 44, 6), (3, 50, 7), (3, 51, 2), (3, 51, 3)]]
    ['note', 'ok', 'ok', 'note', 'ok']
    """
    number = ".".join(map(str, version))
    is_backport = any(fixed <= version < (3, fixed[1] + 1) for fixed in _BACKPORTS)
    if version >= _FIXED or is_backport:
        return Diagnosis("sqlite", "ok", f"SQLite {number}")
    message = (
        f"SQLite {number} can lose data in rare WAL checkpoints, like all versions up to "
        "3.51.2 except 3.44.6 and 3.50.7"
    )
    cure = "use 3.51.3 or newer, or write from one connection at a time in WAL mode"
    return Diagnosis("sqlite", "note", message, cure)


_FIXED = (3, 51, 3)  # https://www.sqlite.org/wal.html#walresetbug
_BACKPORTS = ((3, 44, 6), (3, 50, 7))


def bytecode(*, is_written: bool) -> Diagnosis:
    if is_written:
        return Diagnosis("bytecode", "ok", "bytecode of imported modules is kept")
    message = "no bytecode is written (PYTHONDONTWRITEBYTECODE or -B), so each start is slower"
    return Diagnosis("bytecode", "note", message, "unset it, or run python -m compileall once")


def encoding(files: str, terminal: str) -> Diagnosis:
    """
    Judge the encoding of files and output.

    >>> encoding("UTF-8", "utf-8").level, encoding("cp1252", "utf-8").message
    ('ok', 'text files are read as cp1252 instead of UTF-8')
    """
    if not _is_utf8(files):
        message = f"text files are read as {files} instead of UTF-8"
    elif not _is_utf8(terminal):
        message = f"output is written as {terminal or 'an unknown encoding'} instead of UTF-8"
    else:
        return Diagnosis("encoding", "ok", "text is UTF-8")
    return Diagnosis("encoding", "note", message, "set PYTHONUTF8=1, or LC_ALL to a UTF-8 locale")


def _is_utf8(name: str) -> bool:
    return name.lower().replace("_", "-") in {"utf-8", "utf8"}


def configured(file: Path | None) -> Diagnosis:
    if file is None:
        message = f"there is no [tool.versionpickle] in a {FILE} here or above"
        return Diagnosis(
            "configuration", "note", message, "run 'versionpickle init' in the project's root"
        )
    return Diagnosis("configuration", "ok", f"{file} has a [tool.versionpickle] table")


def modules(failed: ProjectError | None) -> Diagnosis:
    if failed is not None:
        return Diagnosis("modules", "problem", failed.problem, failed.cure)
    return Diagnosis("modules", "ok", "all modules can be imported")


def files(
    what: str, folder: str, *, exists: bool, is_readable: bool, is_writable: bool
) -> Diagnosis:
    """Judge a folder of recorded files."""
    if not exists:
        return Diagnosis(
            what, "note", f"there is no folder {folder}", "run 'versionpickle record'"
        )
    if not is_readable:
        return Diagnosis(
            what, "problem", f"{folder} is not readable", "make it readable: chmod u+rx"
        )
    if not is_writable:
        message = f"{folder} is not writable: 'versionpickle record' will fail"
        return Diagnosis(
            what, "note", message, "make it writable, or run the command as another user"
        )
    return Diagnosis(what, "ok", f"{folder} is there")


def version_control(ignored: Iterable[str] | None, untracked: Iterable[str] = ()) -> Diagnosis:
    """
    Judge whether recorded files are under version control; *ignored* is None without git.

    >>> version_control(["schemas/samples/x/1-made.pickle"]).level
    'problem'
    """
    what = "git"
    if ignored is None:
        message = "the project does not seem to be in a git repository"
        return Diagnosis(what, "note", message, "keep schemas and samples under version control")
    left_out, new = sorted(ignored), sorted(untracked)
    if left_out:
        message = f"git ignores {left_out[0]}, so recorded files would be lost"
        return Diagnosis(
            what, "problem", message, f"write !{left_out[0]} into .gitignore, or git add -f"
        )
    if new:
        message = f"{len(new)} recorded files are not in git yet, such as {new[0]}"
        return Diagnosis(what, "note", message, "git add them, and commit")
    return Diagnosis(what, "ok", "schemas and samples are in git")


# Gathering the facts


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
    """Return the recorded files that git ignores, and those that it does not track."""
    if git_lines(known.root, "rev-parse") is None:
        return None, []
    recorded = [*known.schemas.glob("*.json"), *known.samples.glob("*/*.*")]
    paths = [_from(known.root, path) for path in recorded] or [
        _from(known.root, known.schemas / "a.json"),
        _from(known.root, known.samples / "a" / "1-a.pickle"),
    ]
    ignored = git_lines(known.root, "check-ignore", "--", *paths) or []
    untracked = git_lines(known.root, "ls-files", "--others", "--exclude-standard", "--", *paths)
    return ignored, untracked or []
