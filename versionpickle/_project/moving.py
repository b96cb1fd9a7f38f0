"""Move the schema and samples of a class that was renamed."""

from __future__ import annotations

from pathlib import Path

from .schemas import file_name


def remove_schema(schemas: Path, old: str, new: str) -> None:
    """Remove the schema of the key *old*, unless that of *new* has the same file."""
    if file_name(old) != file_name(new):
        (schemas / f"{file_name(old)}.json").unlink(missing_ok=True)


def move_samples(samples: Path, old: str, new: str) -> None:
    """Let the samples of the key *old* be those of *new*."""
    folder, goal = samples / file_name(old), samples / file_name(new)
    if folder == goal or not folder.is_dir():
        return
    goal.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if not (goal / file.name).exists():
            file.rename(goal / file.name)
    if not any(folder.iterdir()):
        folder.rmdir()
