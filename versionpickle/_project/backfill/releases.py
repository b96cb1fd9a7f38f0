"""Old releases: a tag of git, or a package of an index, in a folder for a while."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from versionpickle._project.configuration import Configuration, source_folders
from versionpickle._project.git import age_of, tree_of
from versionpickle._project.samples import fields_in_all
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import RecordedField


@attrs.frozen
class OldSample:
    """An unstamped pickle, and the fields of the state in it with their types."""

    name: str
    state: dict[str, str]
    data: bytes = attrs.field(converter=base64.b64decode, repr=False)


@attrs.frozen
class OldClass:
    """What an old release stored of a class."""

    release: str
    ref: str
    samples: tuple[OldSample, ...]
    problems: tuple[str, ...]
    declared: tuple[RecordedField, ...] | None

    @property
    def fields(self) -> tuple[RecordedField, ...]:
        """The declared fields, or those that all samples have."""
        if self.declared is not None:
            return self.declared
        return fields_in_all([one.state for one in self.samples])

    @classmethod
    def from_json(cls, release: str, found: Mapping[str, Any]) -> OldClass:
        fields = found.get("fields")
        return cls(
            release,
            found["ref"],
            tuple(OldSample(**one) for one in found["samples"]),
            tuple(found["problems"]),
            None if fields is None else tuple(RecordedField(**field) for field in fields),
        )


@attrs.frozen
class Answer:
    """What an old release has of the classes that were asked for, by today's key."""

    classes: dict[str, OldClass]
    others: tuple[str, ...]
    """The refs of all classes in the same modules."""


@attrs.frozen
class Release:
    """A tag, with the packages that its code needs; or packages alone."""

    tag: str | None
    requirements: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.requirements[0] if self.tag is None else self.tag

    def ask(
        self,
        known: Configuration,
        classes: Mapping[str, Iterable[str]],
        samples: Mapping[str, Path],
    ) -> Answer:
        """
        Return what this release stored of classes, which are given with the names they had.

        Its code runs in another process; the project does not change.
        """
        with tempfile.TemporaryDirectory(prefix="versionpickle-") as folder:
            tree, packages = Path(folder, "tree"), Path(folder, "packages")
            if self.tag is not None:
                _unpack(known.root, self.tag, tree)
            self._install(packages)
            names = {key: [*refs] for key, refs in classes.items()}
            modules = {ref.partition(":")[0] for refs in names.values() for ref in refs}
            asked = {
                "classes": names,
                "modules": sorted(modules),
                "samples": {name: str(file.absolute()) for name, file in samples.items()},
                "folders": [str(tree), str(packages)],
                "answer": str(Path(folder, "answer.json")),
            }
            return self._run(asked, [packages, tree, tree / "src"], known)

    def _install(self, packages: Path) -> None:
        if not self.requirements:
            return
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(packages)]
        done = subprocess.run(  # noqa: S603 - the user asked for these
            [*command, *self.requirements], capture_output=True, check=False
        )
        if done.returncode:
            problem = f"pip cannot install it: {_last_line(done.stderr)!r}"
            raise ProjectError(" ".join(self.requirements), problem, "pass --with another version")

    def _run(self, asked: Mapping[str, Any], path: list[Path], known: Configuration) -> Answer:
        own = {folder.resolve() for folder in source_folders(known)}
        inherited = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
        others = [Path(one).absolute() for one in inherited if Path(one).resolve() not in own]
        if self.tag is None:
            others += own  # what the samples are made with
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, [*path, *others])),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        code = f"from {__package__}.old_code import main; main()"
        done = subprocess.run(  # noqa: S603 - our own code, which runs that of the release
            [sys.executable, "-P", "-c", code],
            cwd=Path(asked["answer"]).parent,
            env=environment,
            input=json.dumps(asked).encode(),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            problem = f"its code cannot be looked at: {_last_line(done.stderr)!r}"
            raise ProjectError(self.name, problem, _WITH)
        return self._answer(json.loads(Path(asked["answer"]).read_text("utf-8")))

    def _answer(self, found: Mapping[str, Any]) -> Answer:
        for module, reason in found["problems"].items():
            problem = f"its module {module} cannot be imported ({reason})"
            raise ProjectError(self.name, problem, _WITH)
        classes = {
            key: OldClass.from_json(self.name, one)
            for key, one in found["classes"].items()
            if one is not None
        }
        return Answer(classes, tuple(found["others"]))


_WITH = "pass --with 'package==1.2' for what it needs, or leave it out"


def _unpack(root: Path, tag: str, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(tree_of(root, tag))) as archive:
        archive.extractall(folder, filter=_inside)  # noqa: S202 - no member can leave the folder


def _inside(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """Leave out links that lead out of the tree."""
    try:
        return tarfile.data_filter(member, folder)
    except tarfile.FilterError:
        return None


def _last_line(output: bytes) -> str:
    return output.decode(errors="replace").strip().rpartition("\n")[2]


def releases(root: Path, tags: Iterable[str], given: Iterable[str]) -> list[Release]:
    """
    Return the releases of tags, the oldest commit first; of requirements alone without tags.

    A requirement may name the tag that it is for, as in ``v1.2:attrs==21.4``, and several
    packages.
    """
    ordered = sorted(dict.fromkeys(tags), key=lambda tag: age_of(root, tag))
    needed = [_split(one, ordered) for one in given]
    if not ordered:
        return [Release(None, packages) for _, packages in needed]
    return [
        Release(tag, tuple(one for of, many in needed if of in {None, tag} for one in many))
        for tag in ordered
    ]


def _split(given: str, tags: Iterable[str]) -> tuple[str | None, tuple[str, ...]]:
    tag = next((tag for tag in tags if given.startswith(f"{tag}:")), None)
    return tag, tuple(given.removeprefix(f"{tag}:").split())
