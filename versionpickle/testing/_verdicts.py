"""What the guard says of each class and each sample of a project, as text."""

from __future__ import annotations

import functools
import itertools

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from versionpickle._classes.codecs.fields import FieldsCodec
from versionpickle._classes.instrument import Instrumentation
from versionpickle._pickles.rewrite.snapshot import description
from versionpickle._project.findings import Finding, findings, problem_of
from versionpickle._project.project import Project, load_project
from versionpickle._project.samples import Sample
from versionpickle.exceptions import InvalidObjectError, ProjectError

from ._differences import Difference, differences
from ._steps import taken_by


REST = "project"
"""The name of the test for what belongs to no class."""


@attrs.define(eq=False, slots=False)
class Verdicts:
    """Judge a project, or say why that cannot be."""

    project: Project | None
    failure: str = ""

    @classmethod
    def of(cls, start: Path) -> Verdicts:
        try:
            project = load_project(start)
            for key in project.classes:
                project.samples(key)
        except ProjectError as exc:
            return cls(None, str(exc))
        return cls(project)

    def tests(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield the name of each test, and what tells why it fails: nothing where it passes."""
        yield REST, self._of_no_class
        if self.project is None:
            return
        for key, hooks in sorted(self.project.classes.items()):
            ref = hooks.declaration.ref
            yield ref, functools.partial(self._of_class, ref)
            for sample in self._samples(key):
                name = f"{ref} version {sample.version} {sample.name}"
                yield name, functools.partial(of_sample, self.project, hooks, sample)

    def _samples(self, key: str) -> list[Sample]:
        """Return the samples that the class still reads."""
        assert self.project is not None
        oldest = self.project.classes[key].declaration.oldest
        return [one for one in self.project.samples(key) if one.version >= oldest]

    def _of_no_class(self) -> str:
        if self.project is None:
            return self.failure
        refs = {hooks.declaration.ref for hooks in self.project.classes.values()}
        return told(one for one in self._findings if one.ref not in refs)

    def _of_class(self, ref: str) -> str:
        return told(one for one in self._findings if one.ref == ref and not _is_of_sample(one))

    @functools.cached_property
    def _findings(self) -> list[Finding]:
        assert self.project is not None
        return findings(self.project)

    def summary(self) -> Iterator[str]:
        """Tell which steps no sample takes, and how many samples there are."""
        if self.project is None:
            return
        samples = [(key, one) for key in self.project.classes for one in self._samples(key)]
        taken = {node for key, one in samples for node in taken_by(self.project, key, one)}
        for hooks in self.project.classes.values():
            declaration = hooks.declaration
            for ref in (declaration.ref, *declaration.formerly):
                for step in self.project.registry.steps_of(ref):
                    if step.version >= declaration.oldest and (ref, step.version) not in taken:
                        yield f"no sample goes through {step}"
        yield f"{_count(samples, 'sample')} of {_count(self.project.classes, 'class', 'es')}"


def _count(things: object, name: str, plural: str = "s") -> str:
    count = len(things)  # type: ignore[arg-type]
    return f"{count} {name}{'' if count == 1 else plural}"


def _is_of_sample(finding: Finding) -> bool:
    """Tell whether a finding is about a sample, which has a test of its own."""
    return finding.kind == "sample" and str(finding.file).endswith(".pickle")


def told(found: Iterator[Finding]) -> str:
    """
    Return findings as text, each cure once.

    >>> ones = [Finding("step", "m:C", 1, problem, "mend it") for problem in ("odd", "ill")]
    >>> print(told(iter(ones)))
    m:C version 1: odd
    m:C version 1: ill
        mend it
    """
    lines = []
    for cure, ones in itertools.groupby(found, lambda one: one.cure):
        for one in ones:
            place = f" ({one.file}:{one.line})" if one.line else ""
            lines.append(f"{one.ref} version {one.version}{place}: {one.problem}")
        lines.append(f"    {cure}")
    return "\n".join(lines)


def of_sample(project: Project, hooks: Instrumentation, sample: Sample) -> str:
    """Tell why a sample is not what it should be: it does not load, or as another object."""
    head = f"{hooks.declaration.ref} version {sample.version}"
    version = hooks.declaration.version
    told = problem_of(sample, version, project.registry)
    if told is None:
        return _why_invalid(hooks, sample, head)
    problem, cure = told
    lines = [*map(str, _differences(project, hooks, sample))]
    if lines:
        problem = f"its sample {sample.name!r} loads as another object than was recorded"
    return "\n".join([f"{head}: {problem}", *lines, f"    {cure}"])


def _differences(project: Project, hooks: Instrumentation, sample: Sample) -> list[Difference]:
    """Return what differs from the recorded description, as far as there are both."""
    try:
        found = description(sample.load())
    except Exception:  # noqa: BLE001 - that is told already
        return []
    expected = sample.described(hooks.declaration.version, found, project.registry)
    name = hooks.cls.__name__
    return [] if expected is None else [*differences(expected, found["object"], name)]


def _why_invalid(hooks: Instrumentation, sample: Sample, head: str) -> str:
    """Run the validators, which a load without a step does not."""
    obj = sample.load()
    if type(obj) is hooks.cls and isinstance(hooks.codec, FieldsCodec):
        try:
            hooks.codec._validate(hooks.codec.chains.today())(obj)
        except InvalidObjectError as exc:
            return (
                f"{head}: its sample {sample.name!r} is not valid: {exc.problem}\n"
                "    raise the version with a step that mends it, or change the validator"
            )
    return ""
