"""A project with its classes, schemas and samples, as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs

from versionpickle._classes.describe import recorded, schema_of
from versionpickle._classes.instrument import Instrumentation
from versionpickle._pickles.rewrite.snapshot import description
from versionpickle._wire.stamp import Claim
from versionpickle.exceptions import ProjectError
from versionpickle.migrations import Chain, Registry, default_registry
from versionpickle.migrations._schema import Recorded, Schema

from .configuration import Configuration, configuration, import_modules
from .difference import Change, ClassDifference, changes, other_changes, structural_changes
from .moving import move_samples, remove_schema
from .samples import Sample, new_samples, samples_in, store
from .schemas import read_schemas, write_schema


@attrs.define
class Project:
    """Hold what the guard compares: classes of the code, and what was recorded of them."""

    known: Configuration
    registry: Registry
    classes: dict[str, Instrumentation]
    """The versioned classes of the project's modules, by stable name or ref."""

    schemas: dict[str, Schema]
    _described: dict[str, Recorded] = attrs.field(factory=dict, init=False)

    def recorded(self, key: str) -> Recorded:
        """Describe a class of the code as it is today."""
        if key not in self._described:
            self._described[key] = recorded(self.classes[key])
        return self._described[key]

    def samples(self, key: str) -> list[Sample]:
        return samples_in(self.known.samples, key)

    def schema_before(self, key: str) -> Schema | None:
        """Return what is recorded of a class, also under a name that it had before."""
        if key in self.schemas:
            return self.schemas[key]
        declaration = self.classes[key].declaration
        refs = (declaration.ref, *declaration.formerly)
        return next((schema for schema in self.schemas.values() if schema.ref in refs), None)

    def gone(self) -> list[Schema]:
        """Return the schemas of classes that are gone without a word."""
        known = {former.key for key in self.classes if (former := self.schema_before(key))}
        lost = sorted(self.schemas.keys() - known)
        return [self.schemas[key] for key in lost if self.registry.resolve(key) is None]

    def twin(self, schema: Schema) -> str | None:
        """Return the key of the one class that looks as if it was this one, which is gone."""
        name = schema.ref.partition(":")[2]
        found = [
            key
            for key, hooks in self.classes.items()
            if hooks.declaration.ref.partition(":")[2] == name and self.schema_before(key) is None
        ]
        return found[0] if len(found) == 1 else None

    def difference(self, key: str, old: Recorded) -> ClassDifference:
        """Return what has changed of a class since *old*, beside what its bases answer for."""
        today = self.recorded(key)
        numbers = dict(today.bases)
        of_bases: set[Change] = set()
        bases = []
        for name, version in old.bases:
            known = self._key_today(name)
            of_bases |= self._changes_since(known, version)
            bases.append((known, numbers.get(known, version)))
        found = (change for change in changes(old, today) if change not in of_bases)
        then = attrs.evolve(old, bases=tuple(bases))
        others, structure = other_changes(then, today), structural_changes(then, today)
        return ClassDifference(tuple(found), tuple(others), tuple(structure))

    def _key_today(self, name: str) -> str:
        """Return what a class is called by now, whose name was recorded."""
        declaration = self.registry.declaration(name)
        if declaration is not None:
            return declaration.key
        twin = self.twin(self.schemas[name]) if name in self.schemas else None
        return name if twin is None else twin

    def _changes_since(self, key: str, version: int) -> set[Change]:
        schema = self.schema_before(key) if key in self.classes else None
        old = None if schema is None else schema.at(version)
        return set() if old is None else {*changes(old, self.recorded(key))}

    def follow(self, key: str, old: Recorded) -> Chain:
        """Return the steps of an old version; raise where its fields do not reach today's."""
        hooks = self.classes[key]
        chain = hooks.chains.of(Claim(hooks.declaration.key, old.version, old.names, old.bases))
        hooks.codec.source(chain, old.names)
        return chain

    def recordable(self) -> list[str]:
        """Return the keys of the classes whose record would hide no change."""
        twins = {self.twin(schema) for schema in self.gone()}
        return [key for key in sorted(self.classes) if key not in twins and not self._changed(key)]

    def _changed(self, key: str) -> bool:
        before = self.schema_before(key)
        if before is None:
            return False
        today, latest = self.classes[key].declaration.version, before.latest
        return today < latest.version or (
            today == latest.version and bool(self.difference(key, latest))
        )

    def record(self, key: str) -> list[Path]:
        """Write the schema of a class, and the samples of today's version; return what is new."""
        return [*self._record(key)]

    def _record(self, key: str) -> Iterator[Path]:
        hooks = self.classes[key]
        before = self.schema_before(key)
        schema = schema_of(hooks, before)
        made = [*new_samples(self.known.samples, hooks)]  # nothing is written if that fails
        has_moved = before is not None and before.key != key
        if before is not None and has_moved:  # samples first: what is stopped here is done again
            move_samples(self.known.samples, before.key, key)
        if schema != before:
            yield write_schema(self.known.schemas, schema)
            self.schemas[key] = schema
        if before is not None and has_moved:
            remove_schema(self.known.schemas, before.key, key)
            del self.schemas[before.key]
        for one, obj in made:
            if not one.file.exists():  # it may have moved here
                store(one, obj)
                yield one.file
        for one in self.samples(key):
            if self._describe(one, hooks.declaration.version):
                yield one.descriptions

    def _describe(self, one: Sample, version: int) -> bool:
        """Record what a sample is by now, if that is open; tell whether it was."""
        try:
            found = description(one.load())
        except Exception:  # noqa: BLE001 - the findings tell why
            return False
        if one.described(version, found, self.registry) is not None:
            return False
        one.describe(version, found)
        return True


def load_project(start: Path) -> Project:
    """Read the configuration, import the modules, and read what was recorded."""
    known = configuration(start)
    import_modules(known)
    classes = {
        hooks.declaration.key: hooks
        for hooks in default_registry.all_hooks()
        if _is_of(known, hooks)
    }
    schemas = read_schemas(known.schemas)
    if not classes and not schemas:
        problem = f"there is no versioned class in {', '.join(known.modules)}"
        cure = "let modules = [...] name those that hold some, or put @versioned on the first"
        raise ProjectError(str(known.file), problem, cure)
    return Project(known, default_registry, classes, schemas)


def _is_of(known: Configuration, hooks: Instrumentation) -> bool:
    """Tell whether a class is declared by the project, and not by a package that it uses."""
    packages = {module.partition(".")[0] for module in known.modules}
    module: str = hooks.declaration.adopted_by or hooks.cls.__module__
    return module.partition(".")[0] in packages
