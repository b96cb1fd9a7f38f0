"""What has to be written so that the pickles of old releases load."""

from __future__ import annotations

import re

from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from versionpickle._classes.instrument import Instrumentation
from versionpickle._project.make.declarations import edits, place_of
from versionpickle._project.make.plan import Plan, plan_steps, refuse_unused
from versionpickle._project.make.steps import NewStep
from versionpickle._project.samples import samples_in
from versionpickle._project.schemas import file_name
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Recorded, Schema

from .generations import Generation
from .study import History, Study


def plan(study: Study) -> Plan:
    """Plan what the histories of a study need, and ask what is not clear."""
    made = Plan(study.project, refused={**study.refused})
    backfill = _Backfill(made, study)
    for key, history in study.histories.items():
        try:
            backfill.plan_class(key, history)
            made.made.append(key)
        except ProjectError as exc:
            made.refused[key] = exc
    if made.refused:  # the classes may hold one another
        made.made.clear()
    refuse_unused(made, study.answers)
    return made


@attrs.frozen
class _Backfill:
    plan: Plan
    study: Study

    @property
    def _classes(self) -> dict[str, Instrumentation]:
        return self.study.project.classes

    def plan_class(self, key: str, history: History) -> None:
        settings = self._settings(key, history)
        if settings or history.steps:
            self._plan_source(key, history, settings)
        self._plan_records(key, history)

    def _settings(self, key: str, history: History) -> dict[str, str]:
        """Return the settings that the declaration needs; the conditions are imported later."""
        declaration = self._classes[key].declaration
        settings = {} if history.version == 1 else {"version": str(history.version)}
        known = {declaration.ref, *declaration.formerly}
        refs = dict.fromkeys(old.ref for old in self.study.old[key] if old.ref not in known)
        listed = ", ".join(f'"{ref}"' for ref in refs)
        if refs:
            is_new = len(refs) > 1 and not declaration.formerly
            settings["formerly"] = f"({listed})" if is_new else listed
        return settings

    def _plan_source(self, key: str, history: History, settings: dict[str, str]) -> None:
        instrumentation = self._classes[key]
        place = place_of(instrumentation, self.plan.project.known.root)
        steps = []
        for old, new in history.steps:
            step = NewStep(
                self.plan.project.with_class(key, new),
                key,
                place,
                self.study.answers,
                is_only=False,
            )
            step.ask(old)
            steps.append(step)
        draft = self.plan.draft(place.source, place.space)
        if len(history.generations) > 1:
            of = {
                number: f"{draft.scope.name_of('versionpickle.migrations', one.word)}{one.listed}"
                for number, one in history.questions.items()
            }
            settings["unstamped"] = _dict_of(of, place.source.indent)
        changed = edits(place, instrumentation, settings)
        if steps:
            plan_steps(self.plan, steps)
        draft.edits.extend(changed)

    def _plan_records(self, key: str, history: History) -> None:
        known, declaration = self.plan.project.known, self._classes[key].declaration
        folder = known.samples / file_name(declaration.key)
        schema = known.schemas / f"{file_name(declaration.key)}.json"
        before = [path for one in samples_in(folder, key) for path in (one.file, one.descriptions)]
        self.plan.replaced += [path for path in (schema, *before) if path.exists()]
        versions = [
            self._recorded(key, one)
            for one in history.generations
            if one.version < history.version
        ]
        records = dict(_samples(folder, history))
        if versions:
            formerly = (old.ref for old in self.study.old[key] if old.ref != declaration.ref)
            names = (*declaration.formerly, *formerly)
            made = Schema(
                declaration.ref, tuple(versions), declaration.name, tuple(dict.fromkeys(names))
            )
            records[schema] = made.text().encode()
        self.plan.records |= records
        self.plan.replaced = [path for path in self.plan.replaced if path not in records]

    def _recorded(self, key: str, generation: Generation) -> Recorded:
        """Return what to record of a generation: what its last release declared."""
        old = generation.releases[-1]
        bases = tuple(
            (base, self.study.histories[base].of_release(old.release))
            for base, _ in self.plan.project.recorded(key).bases
            if base in self.study.histories
        )
        types = {field.name: field.type for field in generation.fields}
        fields = old.declared and tuple(
            attrs.evolve(field, type=types.get(field.name, field.type)) for field in old.declared
        )
        return Recorded(generation.version, fields, bases=bases)


def _dict_of(codes: Mapping[int, str], indent: str) -> str:
    items = [f"{number}: {code}" for number, code in codes.items()]
    line = f"{{{', '.join(items)}}}"
    return (
        line if len(line) < _LONG else "\n".join(["{", *(f"{indent}{one}," for one in items), "}"])
    )


_LONG = 45
"""From here on, the conditions are on lines of their own."""


def _samples(folder: Path, history: History) -> Iterator[tuple[Path, bytes]]:
    """Yield the old pickles, each once, and the files for them."""
    seen = set()
    for one in history.generations:
        for old in one.releases:
            for sample in old.samples:
                if sample.data not in seen:
                    seen.add(sample.data)
                    name = re.sub(r"[^\w.]+", "_", old.release)
                    yield folder / f"{one.version}-{name}-{sample.name}.pickle", sample.data
