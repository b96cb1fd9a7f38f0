"""Live through the story in an empty folder, and print what each command says."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile

from collections.abc import Callable, Iterator
from pathlib import Path

import story


Run = Callable[[Path, list[str]], tuple[int, str]]
"""Run a command of versionpickle, or Python code after ``-c``, in a folder."""


def run(folder, arguments):
    module = [] if arguments[0] == "-c" else ["-m", "versionpickle"]
    command = [sys.executable, *module, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


class Shop:
    """The project in a folder."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.folder = folder
        self._run = run
        self.models = folder / "shop" / "models.py"

    def say(self, *arguments: str) -> Iterator[str]:
        """Yield a command, and what it prints."""
        yield f"$ versionpickle {shlex.join(arguments)}"
        status, printed = self._run(self.folder, [*arguments])
        yield printed.rstrip()
        if status:
            yield f"exit status {status}"

    def python(self, code: str) -> str:
        status, printed = self._run(self.folder, ["-c", code])
        assert status == 0, printed
        return printed.rstrip()

    def replace(self, edits: tuple[tuple[str, str], ...]) -> None:
        source = self.models.read_text()
        for old, new in edits:
            assert old in source, old
            source = source.replace(old, new)
        self.models.write_text(source)

    def move(self, name: str, module: str) -> None:
        """Move a class and its steps to another module, which imports the same."""
        source = self.models.read_text()
        head, *parts = source.split("\n\n\n")
        moved = [part for part in parts if f"class {name}:" in part or f"({name}," in part]
        kept = [part for part in parts if part not in moved]
        target = self.models.with_name(f"{module}.py")
        target.write_text(
            "\n\n\n".join([f"{head}\n\nfrom shop.models import Point", *moved]) + "\n"
        )
        self.models.write_text("\n\n\n".join([head, *kept]).rstrip() + "\n")


def lines(folder: Path, run: Run) -> Iterator[str]:
    """Yield all that the story prints."""
    shop = Shop(folder, run)
    shop.models.parent.mkdir()
    (shop.models.parent / "__init__.py").touch()
    (folder / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    shop.models.write_text(story.FIRST)
    shop.python(story.STORED)
    yield from shop.say("init", "shop")
    for number, change in enumerate(story.CHANGES, 1):
        yield f"\n## {number}. {change.title}\n"
        yield from _lived(shop, change)


def _lived(shop: Shop, change: story.Change) -> Iterator[str]:
    shop.replace(change.edits)
    if "another module" in change.title:
        shop.move("Address", "places")
    found = [*shop.say("check")]
    yield from found
    if change.cure:
        shop.replace(change.cure)
        yield from shop.say("record")
    elif "exit status 1" in found:
        yield from shop.say("make", "--no-input", *change.answers)
    if len(found) > 2:
        yield from shop.say("check")
    yield "\nThe store of the first release:\n"
    yield shop.python(f"KEYS = {change.shows!r}\n{story.SHOWN}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for line in lines(Path(temporary), run):
            print(line)
