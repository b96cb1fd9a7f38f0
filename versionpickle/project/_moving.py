"""What happens to the files of a class that is called otherwise now."""

from __future__ import annotations

from pathlib import Path

from ._schemas import file_name


def move_files(schemas: Path, samples: Path, old: str, new: str) -> None:
    """Remove the schema of the key *old*, and let its samples be those of *new*."""
    (schemas / f"{file_name(old)}.json").unlink(missing_ok=True)
    folder, goal = samples / file_name(old), samples / file_name(new)
    if not folder.is_dir():
        return
    goal.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if not (goal / file.name).exists():
            file.rename(goal / file.name)
    if not any(folder.iterdir()):
        folder.rmdir()
