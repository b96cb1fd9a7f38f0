"""The tests of the schema check: one for each class and each sample of a project."""

from __future__ import annotations

import functools
import itertools

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from versionpickle._classes.codecs.fields import FieldsCodec
from versionpickle._classes.instrument import Instrumentation
from versionpickle._project.findings import Finding, findings
from versionpickle._project.project import Project, load_project
from versionpickle._project.sample_check import check_sample
from versionpickle._project.samples import Sample
from versionpickle.exceptions import InvalidObjectError, ProjectError

from ._steps import taken_by


REST = "project"
"""The name of the test for problems that belong to no class."""


@attrs.define(eq=False, slots=False)
class ProjectTests:
    """The tests of a project, or the reason why there are none."""

    project: Project | None
    failure: str = ""

    @classmethod
    def of(cls, start: Path) -> ProjectTests:
        try:
            project = load_project(start)
            for key in project.classes:
                project.samples(key)
        except ProjectError as exc:
            return cls(None, str(exc))
        return cls(project)

    def tests(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield each test's name, and a function that returns why it fails, if it does."""
        yield REST, self._of_no_class
        if self.project is None:
            return
        for key, instrumentation in sorted(self.project.classes.items()):
            ref = instrumentation.declaration.ref
            yield ref, functools.partial(self._of_class, ref)
            for sample in self._samples(key):
                name = f"{ref} version {sample.version} {sample.name}"
                yield name, functools.partial(of_sample, self.project, key, sample)

    def _samples(self, key: str) -> list[Sample]:
        """Return the samples that the class still reads."""
        assert self.project is not None
        oldest = self.project.classes[key].declaration.oldest
        return [one for one in self.project.samples(key) if one.version >= oldest]

    def _of_no_class(self) -> str:
        if self.project is None:
            return self.failure
        refs = {
            instrumentation.declaration.ref for instrumentation in self.project.classes.values()
        }
        return report(one for one in self._findings if one.ref not in refs)

    def _of_class(self, ref: str) -> str:
        return report(one for one in self._findings if one.ref == ref and not _is_of_sample(one))

    @functools.cached_property
    def _findings(self) -> list[Finding]:
        assert self.project is not None
        return findings(self.project)

    def summary(self) -> Iterator[str]:
        """List the steps that no sample takes, and count the samples."""
        if self.project is None:
            return
        samples = [(key, one) for key in self.project.classes for one in self._samples(key)]
        taken = {node for key, one in samples for node in taken_by(self.project, key, one)}
        for instrumentation in self.project.classes.values():
            declaration = instrumentation.declaration
            for ref in (declaration.ref, *declaration.formerly):
                for step in self.project.registry.steps_of(ref):
                    if step.version >= declaration.oldest and (ref, step.version) not in taken:
                        yield f"no sample goes through {step}"
        yield f"{_count(samples, 'sample')} of {_count(self.project.classes, 'class', 'es')}"


def _count(things: object, name: str, plural: str = "s") -> str:
    count = len(things)  # type: ignore[arg-type]
    return f"{count} {name}{'' if count == 1 else plural}"


def _is_of_sample(finding: Finding) -> bool:
    """Whether a finding is about a sample, which has its own test."""
    return finding.sample is not None


def report(found: Iterator[Finding]) -> str:
    """
    Return findings as text, each cure once.

    >>> ones = [Finding("step", "m:C", 1, problem, "fix it") for problem in ("odd", "ill")]
    >>> print(report(iter(ones)))
    m:C version 1: odd
    m:C version 1: ill
        fix it
    """
    lines = []
    for cure, ones in itertools.groupby(found, lambda one: one.cure):
        for one in ones:
            place = f" ({one.file}:{one.line})" if one.line else ""
            lines.append(f"{one.ref} version {one.version}{place}: {one.problem}")
            lines += filter(None, [*one.details, one.stops])
        lines.append(f"    {cure}")
    return "\n".join(lines)


def of_sample(project: Project, key: str, sample: Sample) -> str:
    """Return why a sample is not what it should be, or nothing."""
    instrumentation = project.classes[key]
    head = f"{instrumentation.declaration.ref} version {sample.version}"
    wrong = check_sample(project, sample, key)
    if wrong is None:
        return _why_invalid(instrumentation, sample, head)
    return "\n".join([f"{head}: {wrong.problem}", *wrong.details, f"    {wrong.cure}"])


def _why_invalid(instrumentation: Instrumentation, sample: Sample, head: str) -> str:
    """Run the validators, which a load without a step does not."""
    obj = sample.load()
    if type(obj) is instrumentation.cls and isinstance(instrumentation.codec, FieldsCodec):
        try:
            instrumentation.codec._validate(instrumentation.codec.chains.today())(obj)
        except InvalidObjectError as exc:
            return (
                f"{head}: its sample {sample.name!r} is not valid: {exc.problem}\n"
                "    raise the version with a step that fixes it, or change the validator"
            )
    return ""
