"""Merge two branches that both wrote the next version of a class: renumber the second."""

from __future__ import annotations

import ast
import re

from collections.abc import Iterator
from pathlib import Path

import attrs

from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Schema

from .configuration import Configuration
from .git import git_lines, run_git
from .make.source_text import Edit, SourceText
from .samples import samples_in
from .schemas import file_name, schema_from, write_schema


OURS, THEIRS = "HEAD", "MERGE_HEAD"


def merge(known: Configuration) -> Iterator[str]:
    """
    Renumber the versions of the branch that is being merged; yield what was done.

    The schemas and samples are those of the current branch afterwards: the merged class is
    recorded anew, under the next version.
    Raise ProjectError, before anything is written, if a source still has conflicts.
    """
    sources = _sources(known)
    for schema, renumbered in [_renumbered(known, path) for path in _conflicts(known)]:
        write_schema(known.schemas, schema)
        yield f"{renumbered}"
        for file in sources:
            count = renumbered.edit(file, *(_at(known, side, file) for side in (OURS, THEIRS)))
            if count:
                yield f"{file.relative_to(known.root)}: {count} edits"
        yield from _merge_samples(known, renumbered)


def _sources(known: Configuration) -> list[Path]:
    """Return the sources that differ between the branches."""
    if git_lines(known.root, "rev-parse", "--verify", THEIRS) is None:
        problem = "no merge is in progress"
        raise ProjectError(str(known.root), problem, "run this after 'git merge' has stopped")
    changed = git_lines(known.root, "diff", "--relative", "--name-only", OURS, THEIRS) or []
    files = [known.root / name for name in changed if name.endswith(".py")]
    there = [file for file in files if file.is_file()]
    for file in there:
        if re.search(r"(?m)^(<<<<<<<|>>>>>>>) ", file.read_text("utf-8")):
            cure = "resolve them first, and keep the fields and the steps of both branches"
            raise ProjectError(str(file), "this file has conflicts", cure)
    return there


def _conflicts(known: Configuration) -> list[str]:
    """Return the schemas in conflict, as paths that git takes."""
    folder = known.schemas.relative_to(known.root).as_posix()
    lines = git_lines(known.root, "ls-files", "--unmerged", "--", f"{folder}/*.json") or []
    found = sorted({line.partition("\t")[2] for line in lines})
    schemas = [path for path in found if Path(path).parent.as_posix() == folder]
    if not schemas:
        problem = "no recorded schema is in conflict"
        raise ProjectError(str(known.schemas), problem, "there is nothing to renumber")
    return schemas


@attrs.frozen
class Renumbered:
    """The versions of a class that the other branch added, and how far they move."""

    key: str
    ref: str
    start: int
    """The last version that both branches have."""

    last: int
    """The last version of the other branch."""

    shift: int

    def __str__(self) -> str:
        moved = ", ".join(f"{n} is {n + self.shift}" for n in range(self.start + 1, self.last + 1))
        return f"{self.ref}: of the versions of the other branch, {moved} now"

    @property
    def _names(self) -> set[str]:
        return {self.key, self.ref, self.ref.rpartition(":")[2].rpartition(".")[2]}

    def edit(self, file: Path, ours: str, theirs: str) -> int:
        """Renumber the steps of the other branch in a source, and raise the version there."""
        source = SourceText.read(file)
        new = _statements(theirs) - _statements(ours)
        edits = [*self._edits(source, new)]
        if edits:
            file.write_bytes(source.encoded(source.edited(edits)))
        return len(edits)

    def _edits(self, source: SourceText, new: set[str]) -> Iterator[Edit]:
        for statement in source.tree.body:
            is_theirs = ast.unparse(statement) in new
            for number in self._numbers(statement, is_theirs=is_theirs):
                value = self.last if number.is_version else number.node.value
                code = str(value + self.shift)  # type: ignore[operator] # it is an int
                yield Edit(source.start(number.node), source.end(number.node), code)

    def _numbers(self, statement: ast.stmt, *, is_theirs: bool) -> Iterator[Number]:
        """Yield the numbers to change: versions of the class, and those of the other's steps."""
        for node in ast.walk(statement):
            if isinstance(node, ast.ClassDef) and node.name in self._names:
                places: list[ast.expr | ast.ClassDef] = [*node.decorator_list, node]
                for declared in places:
                    yield from _version_in(declared, 0)
            elif isinstance(node, ast.Call) and self._is_about(node):
                called = ast.unparse(node.func).rpartition(".")[2]
                if called == "adopt":
                    yield from _version_in(node, 1)
                elif called == "migration" and is_theirs:
                    numbers = (*node.args[1:2], *(one.value for one in node.keywords))
                    yield from _constants(numbers, is_version=False)

    def _is_about(self, node: ast.Call) -> bool:
        if not node.args:
            return False
        first = node.args[0]
        name = first.value if isinstance(first, ast.Constant) else ast.unparse(first)
        return name in self._names or str(name).rpartition(".")[2] in self._names


@attrs.frozen
class Number:
    """A number in a source: the version of the class, or one of a step."""

    node: ast.Constant
    is_version: bool


def _version_in(node: ast.expr | ast.ClassDef, position: int) -> Iterator[Number]:
    if isinstance(node, ast.Call | ast.ClassDef):
        args = node.args[position : position + 1] if isinstance(node, ast.Call) else []
        named = (one.value for one in node.keywords if one.arg == "version")
        yield from _constants((*args, *named), is_version=True)


def _constants(nodes: tuple[ast.expr, ...], *, is_version: bool) -> Iterator[Number]:
    for node in nodes:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield Number(node, is_version)


def _statements(text: str) -> set[str]:
    return {ast.unparse(statement) for statement in ast.parse(text).body}


def _at(known: Configuration, commit: str, file: Path) -> str:
    """Return a source as it is in a commit; empty if it is not there."""
    done = run_git(known.root, "show", f"{commit}:./{file.relative_to(known.root).as_posix()}")
    return done.stdout.decode("utf-8") if done.returncode == 0 else ""


def _renumbered(known: Configuration, path: str) -> tuple[Schema, Renumbered]:
    stages = [run_git(known.root, "show", f":{stage}:./{path}") for stage in (1, 2, 3)]
    base, ours, theirs = (
        schema_from(path, done.stdout) if done.returncode == 0 else None for done in stages
    )
    start = base.latest.version if base else 0
    if ours is None or theirs is None or min(ours.latest.version, theirs.latest.version) <= start:
        problem = "the branches did not both add a version to this class"
        raise ProjectError(path, problem, "resolve this conflict yourself")
    shift = ours.latest.version - start
    return ours, Renumbered(ours.key, ours.ref, start, theirs.latest.version, shift)


def _merge_samples(known: Configuration, one: Renumbered) -> Iterator[str]:
    """Keep the samples of the current branch: those of the other claim numbers that moved."""
    folder = known.samples / file_name(one.key)
    name = folder.relative_to(known.root).as_posix()
    run_git(known.root, "checkout", OURS, "--", name)
    own = {*(git_lines(known.root, "ls-tree", "-r", "--name-only", OURS, f"./{name}/") or [])}
    for sample in samples_in(folder, one.key):
        if sample.version > one.start and str(sample.file.relative_to(known.root)) not in own:
            sample.file.unlink()
            sample.descriptions.unlink(missing_ok=True)
            yield f"removed {sample.file.relative_to(known.root)}"
    run_git(
        known.root, "add", "--all", "--", name, known.schemas.relative_to(known.root).as_posix()
    )
