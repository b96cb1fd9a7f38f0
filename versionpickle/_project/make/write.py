"""Write a plan to disk, all or nothing, and record it in a fresh process."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs

from versionpickle._pickles.files import write_file
from versionpickle._project.configuration import Configuration
from versionpickle._project.findings import NO_SAMPLE, Finding, findings
from versionpickle._project.project import load_project
from versionpickle._project.recording import record, record_others
from versionpickle._project.samples import WaitingSampleError
from versionpickle.exceptions import ProjectError

from .plan import Plan


def write(plan: Plan) -> list[Path]:
    """
    Write the files of a plan, and record its classes; return the files that are new or changed.

    The classes are imported from the edited sources by another process. Where that fails,
    or old data does not load any more, all files are put back as they were.
    """
    plan.check_unchanged()
    known = {(one.ref, one.problem) for one in findings(plan.project)}
    files = plan.files()
    kept = SavedFiles.of(plan.project.known, files)
    try:
        for file, data in files.items():
            _write_source(file, data)
        for file in plan.replaced:
            file.unlink()
        _check(plan, _recorded(plan.project.known.root, plan.refused), known)
    except BaseException:
        kept.put_back()
        raise
    return kept.changed()


def _write_source(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, data)
    _forget_compiled(file)


def _forget_compiled(file: Path) -> None:
    """Remove the bytecode of a source: a change in the same second may look like none."""
    Path(importlib.util.cache_from_source(file)).unlink(missing_ok=True)


def _check(plan: Plan, found: list[dict[str, Any]], known: set[tuple[str, str]]) -> None:
    """Refuse changes that stop old data, also that of other classes."""
    refs = {plan.project.classes[key].declaration.ref for key in plan.made}
    for one in found:
        is_new = one["kind"] in {"sample", "step"} and (one["ref"], one["problem"]) not in known
        if one["ref"] in refs or is_new:
            problem = f"the new code does not work, so it was reverted: {one['problem']}"
            raise ProjectError(one["ref"], problem, one["cure"])


@attrs.frozen
class SavedFiles:
    """The content of files before they were written, and of the folders of records."""

    folders: tuple[Path, ...]
    before: dict[Path, bytes | None]

    @classmethod
    def of(cls, known: Configuration, files: Iterable[Path]) -> SavedFiles:
        folders = (known.schemas, known.samples)
        before: dict[Path, bytes | None] = dict.fromkeys(files)
        before |= {
            file: file.read_bytes() for file in (*files, *_files(folders)) if file.is_file()
        }
        return cls(folders, before)

    def _all(self) -> Iterator[tuple[Path, bytes | None, bytes | None]]:
        """Yield each file with its content before, and now."""
        now = [file for file in _files(self.folders) if file not in self.before]
        for file in sorted([*self.before, *now]):
            yield file, self.before.get(file), file.read_bytes() if file.is_file() else None

    def changed(self) -> list[Path]:
        return [file for file, before, now in self._all() if now not in {before, None}]

    def put_back(self) -> None:
        for file, before, now in reversed([*self._all()]):  # files before their folders
            if before == now:
                continue
            if before is not None:
                _write_source(file, before)
                continue
            file.unlink()
            with contextlib.suppress(OSError):  # something else is in it
                file.parent.rmdir()


def _files(folders: Iterable[Path]) -> set[Path]:
    return {file for folder in folders for file in folder.rglob("*") if file.is_file()}


def _recorded(root: Path, refused: Iterable[str]) -> list[dict[str, Any]]:
    """Let a fresh process record, and return what it still finds."""
    code = f"from {__name__} import record_all; record_all()"
    command = [sys.executable, "-c", code, *refused]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # of what may be taken back
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False)  # noqa: S603 - our own code
    lines = [line for line in done.stdout.splitlines() if line.startswith(_FOUND.encode())]
    if done.returncode or not lines:
        stderr = done.stderr.decode(errors="replace").strip()
        message = stderr.rpartition("\n")[2] or f"exit status {done.returncode}"
        problem = f"the new code cannot be recorded, so it was reverted: {message}"
        raise ProjectError(str(root), problem, "pass other code, or write the step yourself")
    found: list[dict[str, Any]] = json.loads(lines[-1].removeprefix(_FOUND.encode()))
    return found


_FOUND = "versionpickle finds "
"""What begins the line of findings: modules may print more when they are imported."""


def record_all() -> None:
    """Record the classes that have not changed at the same version, and print all findings."""
    project, waiting = load_project(Path.cwd()), set()
    for key in project.recordable():
        if key in sys.argv[1:]:
            continue
        try:
            [*record(project, key)]
        except WaitingSampleError:
            waiting.add(project.classes[key].declaration.ref)
        except ProjectError:
            pass  # the findings report it
    [*record_others(project)]
    found = [attrs.asdict(one) for one in findings(project) if not _waits(one, waiting)]
    print(f"\n{_FOUND}{json.dumps(found)}")  # noqa: T201 - to the process that asked


def _waits(one: Finding, waiting: set[str]) -> bool:
    """Return whether there is no sample because it would hold a class that has changed."""
    return one.ref in waiting and one.problem == NO_SAMPLE
