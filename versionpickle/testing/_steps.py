"""The steps that the samples of a project take."""

from __future__ import annotations

import contextlib
import io
import pickle

from collections.abc import Iterable, Iterator
from typing import Any

from versionpickle._classes.reviving import revive
from versionpickle._project.project import Project
from versionpickle._project.samples import Sample
from versionpickle._wire.stamp import Claim
from versionpickle.exceptions import VersionPickleError
from versionpickle.migrations import Declaration, Registry, Step
from versionpickle.migrations._endings import Become


Node = tuple[str, int]
"""The ref and version that a step leaves."""


def taken_by(project: Project, key: str, sample: Sample) -> set[Node]:
    """Return where the steps begin that a sample takes, with all objects that it holds."""
    registry = project.registry
    stored = _Stamps(sample.file.read_bytes())
    taken = {*_path(registry, key, sample.version)}
    for claim in stored.claims:
        taken.update(_of_claim(registry, claim))
    for ref in stored.refs:
        declaration = registry.declaration(ref)
        if declaration is not None and isinstance(declaration.unstamped, int):
            taken.update(_path(registry, ref, declaration.unstamped))
    return taken


class _Stamps(pickle.Unpickler):
    """Note the stamps and names in a pickle, as far as it loads."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.claims: list[Claim] = []
        self.refs: list[str] = []
        with contextlib.suppress(Exception):  # the test of the sample reports it
            self.load()

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        if found is revive:
            return self._revive
        self.refs.append(f"{module}:{name}")
        return found

    def _revive(self, format: int, *described: Any) -> Any:
        self.claims.append(Claim(*described))
        return revive(format, *described)


def _of_claim(registry: Registry, claim: Claim) -> Iterator[Node]:
    declaration = registry.named(claim.ref) or registry.declaration(claim.ref)
    if declaration is None:
        yield from _path(registry, claim.ref, claim.version)
        return
    try:
        steps = declaration.instrumentation.chains.of(claim).steps
    except VersionPickleError:
        return
    yield from _followed(registry, steps)


def _path(registry: Registry, ref: str, version: int) -> Iterator[Node]:
    declaration = registry.named(ref) or registry.declaration(ref)
    try:
        if isinstance(declaration, Declaration):
            start = declaration.ref if ref == declaration.name else registry.target(ref)
            steps = registry.path(start, version, declaration)
        else:
            steps = registry.exit_steps(ref, version)
    except VersionPickleError:
        return
    yield from _followed(registry, steps)


def _followed(registry: Registry, steps: Iterable[Step]) -> Iterator[Node]:
    for step in steps:
        yield step.ref, step.version
        if isinstance(step.ending, Become):  # it is unknown which of them a sample became
            for ref, version in step.ending.into.items():
                yield from _path(registry, ref, version)
