"""Read a project as it was at a commit, without a checkout."""

from __future__ import annotations

import os
import subprocess

from pathlib import Path

from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Schema

from .configuration import Configuration
from .schemas import schema_from


def schemas_at(known: Configuration, commit: str) -> dict[str, Schema]:
    """
    Return the recorded schemas of a commit, branch or tag, by stable name or ref.

    Raise ProjectError if git fails, or the commit or a schema is invalid.
    """
    root = known.root
    commit_of(root, commit)
    folder = Path(os.path.relpath(known.schemas, root)).as_posix()
    listed = _git(root, commit, "ls-tree", "-z", "--name-only", commit, f"./{folder}/")
    found = {}
    for name in listed.decode().split("\0"):
        if name.endswith(".json"):
            schema = schema_from(
                f"{commit}:{name}", _git(root, commit, "show", f"{commit}:./{name}")
            )
            found[schema.key] = schema
    return found


def commit_of(root: Path, name: str) -> str:
    """Return the hash of a commit, branch or tag."""
    found = _git(root, name, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
    return found.decode().strip()


def age_of(root: Path, name: str) -> tuple[int, int]:
    """Return the time of a commit, and how many there are up to it: both grow."""
    commit = commit_of(root, name)
    time = _git(root, name, "show", "--no-patch", "--format=%ct", commit)
    return int(time), int(_git(root, name, "rev-list", "--count", commit))


def tree_of(root: Path, name: str) -> bytes:
    """Return a tar archive of the project as it was in a commit, branch or tag."""
    return _git(root, name, "archive", "--format=tar", commit_of(root, name))


def git_lines(root: Path, *arguments: str) -> list[str] | None:
    """Return the lines that git prints; None if it fails, or is not installed."""
    try:
        done = run_git(root, *arguments)
    except FileNotFoundError:
        return None
    return done.stdout.decode(errors="replace").splitlines() if done.returncode == 0 else None


def moved_modules(known: Configuration) -> dict[str, str]:
    """Return the new names of modules whose files git says were renamed since the last record."""
    folder = Path(os.path.relpath(known.schemas, known.root)).as_posix()
    commit = git_lines(known.root, "log", "-1", "--format=%H", "--", folder)
    if not commit:
        return {}
    renames = ("--find-renames", "--name-status", "--diff-filter=R", "--relative", commit[0])
    lines = git_lines(known.root, "diff", *renames) or []
    paths = [line.split("\t")[1:] for line in lines if line.count("\t") == 2]
    return {_module(old): _module(new) for old, new in paths}


def _module(path: str) -> str:
    """
    Return the module of a file.

    >>> _module("src/shop/models.py"), _module("shop/__init__.py")
    ('shop.models', 'shop')
    """
    name = path.removesuffix(".py").removeprefix("src/").replace("/", ".")
    return name.removesuffix(".__init__")


def run_git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell


def _git(root: Path, commit: str, *arguments: str) -> bytes:
    try:
        done = run_git(root, *arguments)
    except FileNotFoundError:
        problem = "git is not installed, and its history is needed"
        raise ProjectError(str(root), problem, "install git, or use no old commit") from None
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        problem = f"git {arguments[0]} failed: {message!r}"
        raise ProjectError(commit, problem, "name a commit, branch or tag of this project")
    return done.stdout
