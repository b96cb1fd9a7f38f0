"""A project: its classes, schemas and samples."""

from __future__ import annotations

import functools

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from versionpickle._classes.describe import recorded
from versionpickle._classes.instrument import Instrumentation, instrumentation_of
from versionpickle._pickles.load.unpickler import loads
from versionpickle._wire.stamp import Claim
from versionpickle.exceptions import ProjectError, VersionPickleError
from versionpickle.migrations import Chain, Registry, default_registry
from versionpickle.migrations._schema import Recorded, RecordedField, Schema

from .configuration import Configuration, configuration, import_modules
from .difference import (
    Change,
    ClassDifference,
    changes,
    declaring,
    other_changes,
    renamed,
    structural_changes,
)
from .git import moved_modules
from .samples import (
    Sample,
    attribute_names,
    made_again,
    retyped,
    samples_in,
    types_of,
)
from .schemas import file_name, read_schemas
from .type_texts import renamed_types


_NONE: Mapping[str, str] = {}


@attrs.define
class Project:
    """What the schema check compares: the classes of the code, and their records."""

    known: Configuration
    registry: Registry
    classes: dict[str, Instrumentation]
    """The versioned classes of the project's modules, by stable name or ref."""

    schemas: dict[str, Schema]
    renames: dict[str, str] = attrs.field(factory=dict)
    """The keys of classes that are gone, and what the user says they are now."""

    _described: dict[str, Recorded] = attrs.field(factory=dict, init=False)
    _fresh: dict[str, dict[str, Any]] = attrs.field(factory=dict, init=False)

    @functools.cached_property
    def _moved_modules(self) -> dict[str, str]:
        return moved_modules(self.known)

    def recorded(self, key: str) -> Recorded:
        """Describe a class of the code as it is today."""
        if key not in self._described:
            self._described[key] = recorded(self.classes[key])
        return self._described[key]

    def with_class(self, key: str, described: Recorded) -> Project:
        """Return the project as if a class were so today, and nothing were recorded."""
        other = attrs.evolve(self, schemas={})
        other._described = {**self._described, key: described}
        return other

    def key_of(self, cls: type) -> str | None:
        """Return the key of a class if the project declares it."""
        found = instrumentation_of(cls)
        key = None if found is None else found.declaration.key
        return key if key in self.classes else None

    def samples(self, key: str) -> list[Sample]:
        """Return the samples of a class, also under a former name."""
        before = self._predecessor(key) if key in self.classes else None
        keys = dict.fromkeys([key, key if before is None else before.key])
        return [
            one for name in keys for one in samples_in(self.known.samples / file_name(name), key)
        ]

    def _predecessor(self, key: str) -> Schema | None:
        """Return what is recorded of a class, also if it seems to be one that is gone."""
        before = self.schema_before(key)
        if before is not None:
            return before
        return next((schema for schema in self.gone() if self.twin(schema) == key), None)

    def other_samples(self) -> Iterator[tuple[Schema | None, Sample]]:
        """Yield the samples of classes that are not in the code, with their schemas."""
        schemas = {file_name(key): schema for key, schema in self.schemas.items()}
        current = {file_name(key) for key in self.classes}
        former = {
            file_name(schema.key) for key in self.classes if (schema := self.schema_before(key))
        }
        for folder in sorted(self.known.samples.glob("*/")):
            if folder.name not in current | former:
                schema = schemas.get(folder.name)
                for sample in samples_in(folder, schema.key if schema else folder.name):
                    yield schema, sample

    def load(self, sample: Sample) -> Any:
        """Load a sample with plain pickle, unless only our own load reads the data."""
        if self.known.plain_pickle:
            return sample.load()
        return loads(sample.file.read_bytes(), registry=self.registry)

    def schema_before(self, key: str) -> Schema | None:
        """Return what is recorded of a class, also under a former name."""
        if key in self.schemas:
            return self.schemas[key]
        declaration = self.classes[key].declaration
        refs = (declaration.ref, *declaration.formerly)
        return next((schema for schema in self.schemas.values() if schema.ref in refs), None)

    def gone(self) -> list[Schema]:
        """Return the schemas of classes that are gone without an explanation."""
        known = {former.key for key in self.classes if (former := self.schema_before(key))}
        lost = sorted(self.schemas.keys() - known)
        return [self.schemas[key] for key in lost if not self._is_explained(key)]

    def _is_explained(self, key: str) -> bool:
        """Whether a declaration names this key: that a module still has the class may end."""
        return self.registry.resolve(key) is not None and self.registry.reexported(key) is None

    def successors(self, schema: Schema) -> list[str]:
        """Return the keys of new classes that may be this one, which is gone."""
        if schema.key in self.renames:
            return [self.renames[schema.key]]
        likeness = {
            key: self._likeness(schema, key)
            for key in sorted(self.classes)
            if self.schema_before(key) is None
        }
        best = max(likeness.values(), default=0)
        return [key for key, one in likeness.items() if one == best and best > 0]

    def _likeness(self, schema: Schema, key: str) -> int:
        module, _, name = self.classes[key].declaration.ref.partition(":")
        old_module, _, old_name = schema.ref.partition(":")
        has_moved = self._moved_modules.get(old_module) == module
        if name == old_name:
            return 4 + has_moved
        is_beside = module == old_module or has_moved
        if schema.latest.fields and self._has_fields(key, schema.latest):
            return 2 + is_beside
        return int(is_beside)

    def _has_fields(self, key: str, old: Recorded) -> bool:
        try:
            today = self.recorded(key)
        except VersionPickleError:  # which is reported for the class
            return False
        return today.fields is not None and {*today.fields} == {*(old.fields or ())}

    def clear_successor(self, schema: Schema) -> str | None:
        """Return the key of the one new class that looks like this one, which is gone."""
        found = self.successors(schema)
        is_said = schema.key in self.renames
        if len(found) == 1 and (is_said or self._likeness(schema, found[0]) >= _CLEAR):
            return found[0]
        return None

    def twin(self, schema: Schema) -> str | None:
        """Return the key of the class that a gone class is now, if no other gone class is."""
        key = self.clear_successor(schema)
        same = [one for one in self.gone() if key and self.clear_successor(one) == key]
        return key if len(same) == 1 else None

    def asked_about(self) -> set[str]:
        """Return the keys of new classes that may be ones that are gone."""
        return {key for schema in self.gone() for key in self.successors(schema)}

    def difference(
        self, key: str, old: Recorded, renames: Mapping[str, str] = _NONE
    ) -> ClassDifference:
        """
        Return what has changed in a class since *old*, apart from what its bases changed.

        *renames* gives new names of fields.
        """
        declared = declaring(old, self.recorded(key))
        old, today = self.compared(key, old)
        then = renamed(self._in_today_names(old), renames)
        numbers = dict(today.bases)
        of_bases: set[Change] = set()
        bases = []
        for name, version in then.bases:
            known = self._key_today(name)
            if known in numbers:
                of_bases |= self._changes_since(known, version)
            bases.append((known, numbers.get(known, version)))
        then = attrs.evolve(then, bases=tuple(bases))
        found = [*changes(then, today)]
        return ClassDifference(
            tuple(self._checked(change) for change in found if change not in of_bases),
            tuple(other_changes(then, today, declared)),
            tuple(structural_changes(then, today, declared)),
            tuple(change for change in found if change in of_bases),
        )

    def compared(self, key: str, old: Recorded) -> tuple[Recorded, Recorded]:
        """
        Return what was recorded, and the class of today.

        If neither declares fields, they have the attributes of a recorded sample, and of the
        same sample made again, unless these are equal.
        """
        today = self.recorded(key)
        if old.version != today.version:
            return old, today
        if old.fields is None and today.fields is None:
            return next(self._pairs(key, old, today), (old, today))
        if old.fields is None:
            return self._with_stored_names(key, old, today), today
        if today.fields is None:
            return old, self._with_made_names(key, today, old)
        return old, today

    def _pairs(
        self, key: str, old: Recorded, today: Recorded
    ) -> Iterator[tuple[Recorded, Recorded]]:
        """Compare samples of today's version with the same made again; yield what differs."""
        fresh = self.fresh(key)
        for sample in self.samples(key):
            obj = fresh.get(sample.name)
            if sample.version == today.version and type(obj) is self.classes[key].cls:
                names, types = self._stored(sample, obj)
                if types or names != attribute_names(obj):
                    before = {name: one for name, (one, _) in types.items()}
                    after = {name: one for name, (_, one) in types.items()}
                    new = _with_names(today, attribute_names(obj), after)
                    yield _with_names(old, names, before), new

    def _stored(self, sample: Sample, obj: Any) -> tuple[set[str], Mapping[str, tuple[str, str]]]:
        """Return the attributes of a sample, and the types that are others in *obj*."""
        try:
            stored = sample.load()
        except Exception:  # noqa: BLE001 - the class has another name now, or it is reported
            types = sample.recorded_types()
        else:
            types = types_of(stored) if type(stored) is type(obj) else None
        types = types_of(obj) if types is None else types
        return {*types}, retyped(types, types_of(obj))

    def _with_stored_names(self, key: str, old: Recorded, today: Recorded) -> Recorded:
        """Give a class that declares its fields by now those that its samples have."""
        stored = [one.recorded_types() for one in self.samples(key) if one.version == old.version]
        return _completed(old, today, [{*types} for types in stored if types])

    def _with_made_names(self, key: str, today: Recorded, old: Recorded) -> Recorded:
        """Give a class that no longer declares its fields those that new objects have."""
        cls = self.classes[key].cls
        made = [attribute_names(obj) for obj in self.fresh(key).values() if type(obj) is cls]
        return _completed(today, old, made)

    def fresh(self, key: str) -> dict[str, Any]:
        """Return the samples of a class by name, made again; or why they cannot be."""
        if key not in self._fresh:
            self._fresh[key] = dict(made_again(self.classes[key]))
        return self._fresh[key]

    def _in_today_names(self, old: Recorded) -> Recorded:
        """Return what was recorded, with the new names of classes in its types."""
        names = self._new_names()
        if old.fields is None or not names:
            return old
        fields = (
            attrs.evolve(field, type=renamed_types(field.type, names)) for field in old.fields
        )
        return attrs.evolve(old, fields=tuple(fields))

    def _new_names(self) -> dict[str, str]:
        """Return the new names of classes that were renamed, or seem to have been."""
        found = {
            _short(old): _short(instrumentation.declaration.ref)
            for instrumentation in self.registry.instrumentations()
            for old in instrumentation.declaration.formerly
        }
        for key, instrumentation in self.classes.items():
            if key in self.schemas:  # a stable name, perhaps of a class that was renamed
                found[_short(self.schemas[key].ref)] = _short(instrumentation.declaration.ref)
        for schema in self.gone():
            keys = self.successors(schema)
            if len(keys) == 1:
                found[_short(schema.ref)] = _short(self.classes[keys[0]].declaration.ref)
        names = {instrumentation.cls.__name__ for instrumentation in self.classes.values()}
        return {old: new for old, new in found.items() if old != new and old not in names}

    def _checked(self, change: Change) -> Change:
        """Mark a change of a type to a base class, which takes all old values."""
        if change.kind != "retyped":
            return change
        assert change.old is not None
        assert change.new is not None
        by_name = {
            instrumentation.cls.__name__: instrumentation.cls
            for instrumentation in self.classes.values()
        }
        old, new = by_name.get(change.old.type), by_name.get(change.new.type)
        is_wider = old is not None and new is not None and issubclass(old, new)
        return attrs.evolve(change, widened=is_wider)

    def _key_today(self, name: str) -> str:
        """Return today's key of a class whose key was recorded."""
        declaration = self.registry.declaration(name)
        if declaration is not None:
            return declaration.key
        keys = self.successors(self.schemas[name]) if name in self.schemas else ()
        return keys[0] if len(keys) == 1 else name

    def _supposed(self, key: str) -> Schema | None:
        """Return what is recorded of a class, also if it may be one that is gone."""
        before = self.schema_before(key)
        gone = (one for one in self.gone() if self.successors(one) == [key])
        return next(gone, None) if before is None else before

    def _changes_since(self, key: str, version: int) -> set[Change]:
        schema = self._supposed(key) if key in self.classes else None
        old = None if schema is None else schema.at(version)
        if old is None:
            return set()
        then, today = self.compared(key, old)
        return {*changes(self._in_today_names(then), today)}

    def follow(self, key: str, old: Recorded) -> Chain:
        """Return the steps of an old version; raise if its fields do not lead to today's."""
        instrumentation = self.classes[key]
        chain = instrumentation.chains.of(
            Claim(instrumentation.declaration.key, old.version, old.names, old.bases)
        )
        instrumentation.codec.source(chain, old.names)
        return chain

    def recordable(self) -> list[str]:
        """Return the keys of the classes whose record would hide no change."""
        return [key for key in sorted(self.classes) if self.unrecordable(key) is None]

    def unrecordable(self, key: str) -> str | None:
        """Return the class that has to be seen to before this one is recorded: it or a base."""
        questions = self.asked_about()
        return next(
            (
                self.classes[one].declaration.ref
                for one in self.lineage(key)
                if one in questions or (one in self.classes and self.is_changed(one))
            ),
            None,
        )

    def lineage(self, key: str) -> list[str]:
        """Return the keys of the bases of a class, and its own: its pickles name them all."""
        return [one.key for one in self.classes[key].lineage()]

    def bases(self, key: str) -> list[str]:
        """Return the keys of the bases of a class that the project declares."""
        return [one for one in self.lineage(key)[:-1] if one in self.classes]

    def depth(self, key: str) -> int:
        return len(self.lineage(key))

    def is_changed(self, key: str) -> bool:
        """Return whether a class differs from its record at the same version."""
        before = self.schema_before(key)
        if before is None:
            return False
        today, latest = self.classes[key].declaration.version, before.latest
        return today < latest.version or (
            today == latest.version and bool(self.difference(key, latest))
        )


_CLEAR = 3
"""From here on, a new class is taken for one that is gone: the same name, or fields and module."""


def _short(ref: str) -> str:
    return ref.rpartition(":")[2].rpartition(".")[2]


def _with_names(known: Recorded, names: Iterable[str], types: Mapping[str, str]) -> Recorded:
    fields = tuple(RecordedField(name, types.get(name, "")) for name in sorted(names))
    return attrs.evolve(known, fields=fields)


def _completed(known: Recorded, other: Recorded, found: list[set[str]]) -> Recorded:
    """Return what is known of a class, with attributes as fields; those of *other* have types."""
    if not found:
        return known
    names = sorted(set.union(*found))
    fields = tuple(other.field(name) or RecordedField(name, "") for name in names)
    return attrs.evolve(known, fields=fields)


def load_project(start: Path) -> Project:
    """Read the configuration, import the modules, and read what was recorded."""
    known = configuration(start)
    import_modules(known)
    classes = {
        instrumentation.declaration.key: instrumentation
        for instrumentation in default_registry.instrumentations()
        if _is_of(known, instrumentation)
    }
    schemas = read_schemas(known.schemas)
    if not classes and not schemas:
        problem = f"there is no versioned class in {', '.join(known.modules)}"
        cure = "list the modules that have some in modules = [...], or put @versioned on the first"
        raise ProjectError(str(known.file), problem, cure)
    return Project(known, default_registry, classes, schemas)


def _is_of(known: Configuration, instrumentation: Instrumentation) -> bool:
    """Whether a class is declared by the project, not by a package that it uses."""
    packages = {module.partition(".")[0] for module in known.modules}
    module: str = instrumentation.declaration.adopted_by or instrumentation.cls.__module__
    return module.partition(".")[0] in packages
