"""Samples: pickles of each version of each class, made by the code of that version."""

from __future__ import annotations

import json
import pickle

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from versionpickle._classes.instrument import Instrumentation
from versionpickle._pickles.files import write_file
from versionpickle._pickles.rewrite.snapshot import ref_today, translated
from versionpickle._wire.refs import ref_of
from versionpickle.exceptions import ProjectError
from versionpickle.migrations import Registry

from .schemas import file_name


_F = TypeVar("_F", bound=Callable[[], Any])

MAKERS: dict[str, dict[str, Callable[[], Any]]] = {}
"""The functions that make samples, by the ref of the class, and by their own names."""


def sample(cls: type) -> Callable[[_F], _F]:
    """
    Let a function without arguments make a sample of *cls*.

    ``versionpickle record`` stores what it returns for each version of the class, under
    the name of the function.

    >>> from versionpickle.testing import sample
    >>> @sample(dict)
    ... def basic():
    ...     return {"answer": 42}
    """

    def mark(function: _F) -> _F:
        MAKERS.setdefault(ref_of(cls), {})[function.__name__] = function
        return function

    return mark


@attrs.frozen
class Sample:
    """The file of one sample, beside which its descriptions stand."""

    key: str
    version: int
    name: str
    file: Path

    @property
    def descriptions(self) -> Path:
        return self.file.with_suffix(".json")

    def load(self) -> Any:
        """Load it as plain pickle does."""
        return pickle.loads(self.file.read_bytes())

    def described(self, version: int, found: Mapping[str, Any], registry: Registry) -> Any:
        """
        Return what the sample was recorded to be at today's *version*; None if that is open.

        It is open where a class in what was *found* has had another version then.
        """
        known = self._all().get(str(version))
        if known is None:
            return None
        then = {ref_today(ref, registry): numbers for ref, numbers in known["versions"].items()}
        if any(found["versions"].get(ref, numbers) != numbers for ref, numbers in then.items()):
            return None
        return translated(known["object"], registry)

    def describe(self, version: int, found: Mapping[str, Any]) -> None:
        """Record what the sample is at today's *version*."""
        known = self._all() | {str(version): found}
        write_file(self.descriptions, (json.dumps(known, indent=1) + "\n").encode())

    def _all(self) -> dict[str, Any]:
        if not self.descriptions.exists():
            return {}
        try:
            known: dict[str, Any] = json.loads(self.descriptions.read_text("utf-8"))
            for one in known.values():
                _ = one["versions"].items(), one["object"]
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            problem = f"these are no descriptions of a sample ({type(exc).__name__}: {exc})"
            cure = "take the file back from version control"
            raise ProjectError(str(self.descriptions), problem, cure) from None
        return known


def samples_in(folder: Path, key: str) -> list[Sample]:
    """Return the samples of a class, the oldest first."""
    found = []
    for file in (folder / file_name(key)).glob("*.pickle"):
        version, _, name = file.stem.partition("-")
        if not version.isdecimal() or not name:
            problem = "a sample is called by its version and a name"
            raise ProjectError(str(file), problem, "call it 1-basic.pickle, for example")
        found.append(Sample(key, int(version), name, file))
    return sorted(found, key=lambda one: (one.version, one.name))


def new_samples(folder: Path, hooks: Instrumentation) -> Iterator[tuple[Sample, Any]]:
    """Yield the samples of today's version that are not there yet, each with its object."""
    declaration = hooks.declaration
    makers = MAKERS.get(declaration.ref) or {"made": lambda: _made(hooks)}
    for name, make in makers.items():
        stem = f"{declaration.version}-{name}"
        file = folder / file_name(declaration.key) / f"{stem}.pickle"
        if not file.exists():
            yield Sample(declaration.key, declaration.version, name, file), make()


def _made(hooks: Instrumentation) -> Any:
    from .example import example  # noqa: PLC0415 - only where the user made none

    return example(hooks.cls)


def store(sample: Sample, obj: Any) -> None:
    """Write a sample, which is never written again."""
    sample.file.parent.mkdir(parents=True, exist_ok=True)
    write_file(sample.file, pickle.dumps(obj, protocol=4))
