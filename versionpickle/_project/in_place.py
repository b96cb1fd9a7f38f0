"""Upgrade pickle files in place."""

from __future__ import annotations

import errno
import os

from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from versionpickle._pickles.files import write_file
from versionpickle._pickles.rewrite.rewrite import Settings, Upgrade, failure_of, upgrade
from versionpickle.exceptions import ProjectError


SUFFIXES = {".pickle", ".pkl"}
"""What the files in a folder are called that are taken to be pickles."""


@attrs.frozen
class UpgradeOptions:
    """How files are upgraded."""

    settings: Settings
    backup: str = ""
    """What is added to the name of the file that keeps the bytes of before; empty for none."""

    is_dry: bool = False
    samples: Path | None = None
    """The folder of a project's samples, which stay as the code of their version wrote them."""


def files_in(paths: Iterable[Path], *, recursive: bool, samples: Path | None) -> Iterator[Path]:
    """Yield *paths*, and with *recursive* the pickles in folders, without samples."""
    for path in paths:
        if not path.is_dir():
            yield path
        elif recursive:
            found = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
            pickles = (file for file in found if file.suffix in SUFFIXES and file.is_file())
            yield from sorted(file for file in pickles if not _is_in(file, samples))
        else:
            raise ProjectError(
                str(path), "this is a folder", "pass --recursive to include all pickles in it"
            )


def _is_in(file: Path, folder: Path | None) -> bool:
    return folder is not None and file.resolve().is_relative_to(folder.resolve())


def upgrade_file(path: Path, plan: UpgradeOptions) -> Upgrade:
    """Rewrite the pickles in a file, all or none."""
    try:
        return _upgrade_file(path, plan)
    except (OSError, ProjectError) as exc:
        return Upgrade(b"", failure=failure_of(exc))


def _upgrade_file(path: Path, plan: UpgradeOptions) -> Upgrade:
    if _is_in(path, plan.samples):
        problem = "samples must stay as the code of their version wrote them"
        raise ProjectError(str(path), problem, "exclude it")
    target = Path(os.path.realpath(path))
    before = target.read_bytes()
    done = upgrade(before, plan.settings)
    if done.data == before or plan.is_dry:
        return done
    _replace(target, before, done.data, plan.backup)
    return done


def _replace(target: Path, before: bytes, after: bytes, backup: str) -> None:
    kept = _keep(target, before, target.with_name(target.name + backup)) if backup else None
    try:
        _check_unchanged(target, before)
        write_file(target, after)
    except OSError:
        if kept is not None and target.read_bytes() != after:  # else it is all there is of that
            kept.unlink()
        raise


def _check_unchanged(target: Path, before: bytes) -> None:
    if target.read_bytes() != before:
        problem = "another program has changed it meanwhile; run this again"
        raise OSError(errno.EBUSY, problem)


def _keep(target: Path, before: bytes, kept: Path) -> Path | None:
    """Let *kept* be the file as it is; return None if the same was there already."""
    try:
        os.link(target, kept)  # all at once, with its mode, and never over another file
    except FileExistsError:
        if kept.read_bytes() == before:  # of a run that was stopped before it replaced the file
            return None
        problem = "there is another backup already"
        raise ProjectError(
            str(kept), problem, "move it away, or choose another --backup"
        ) from None
    return kept
