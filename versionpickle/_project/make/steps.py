"""Derive the step from a recorded class to the class of today."""

from __future__ import annotations

import enum
import json

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from versionpickle._classes.describe import FACTORY, default_factory
from versionpickle._project.difference import Change, Codes, operations
from versionpickle._project.find import names_of
from versionpickle._project.project import Project
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Recorded, RecordedField

from .answers import Answer, Answers, names_in
from .declarations import Place, Space
from .imports import Scope
from .source_text import SourceText
from .step_code import StepCode, double_quoted, target_in
from .values import argument_of


@attrs.define
class NewStep:
    """Find out what a step has to do, and write it."""

    project: Project
    key: str
    place: Place
    answers: Answers
    is_only: bool = True
    """Whether the class gets no other step now, to which an option could belong."""

    _version: int = attrs.field(init=False, default=0)
    _renames: dict[str, str] = attrs.field(init=False, factory=dict)
    _changes: tuple[Change, ...] = attrs.field(init=False, default=())
    _values: dict[str, str] = attrs.field(init=False, factory=dict)
    _functions: dict[str, str] = attrs.field(init=False, factory=dict)
    _regrouped: list[tuple[str, tuple[str, ...]]] = attrs.field(init=False, factory=list)
    """Calls of split() and merge(), with their arguments."""

    @property
    def instrumentation(self) -> Any:
        return self.project.classes[self.key]

    @property
    def _names(self) -> tuple[str, ...]:
        return names_of(self.instrumentation)

    @property
    def _is_enum(self) -> bool:
        return issubclass(self.instrumentation.cls, enum.Enum)

    @property
    def _codes(self) -> tuple[str, ...]:
        regrouped = (arguments[-1] for _, arguments in self._regrouped)
        return (*self._values.values(), *self._functions.values(), *regrouped)

    def ask(self, old: Recorded) -> None:
        """Find out everything that only the user knows."""
        self._version = old.version
        found = self.project.difference(self.key, old).fields
        taken = {*self._ask_regrouping(found)}
        left = tuple(change for change in found if change.field not in taken)
        self._ask_renames(left, *self.project.compared(self.key, old))
        changed = self.project.difference(self.key, old, self._renames).fields
        self._changes = tuple(change for change in changed if change.field not in taken)
        if not self._is_enum:
            self._changes += tuple(self._named_to_convert(old))
        for change in () if self._is_enum else self._changes:
            self._ask_codes(change)

    def _named_to_convert(self, old: Recorded) -> Iterator[Change]:
        """Yield the fields that --convert names, although their types show no change."""
        then, today = self.project.compared(self.key, old)
        names = {self._renames.get(name, name): name for name in then.names}
        changed = {change.field for change in self._changes}
        for answer in self.answers.all("convert", self._names):
            (field,) = answer.fields
            is_kept = field in names and today.field(field) is not None
            if answer.cls is not None and is_kept and field not in changed:
                before = then.field(names[field])
                assert before is not None
                yield Change(field, attrs.evolve(before, name=field), today.field(field))

    def _ask_regrouping(self, found: tuple[Change, ...]) -> Iterator[str]:
        """Read --split and --merge; yield the fields that they explain."""
        gone = {change.field for change in found if change.new is None}
        come = {change.field for change in found if change.old is None}
        for option in ("split", "merge"):
            for answer in self.answers.all(option, self._names):
                if gone & {*answer.fields} or (self.is_only and answer.cls is not None):
                    self.answers.use(answer)
                    yield from self._regroup(answer, gone, come)

    def _regroup(self, answer: Answer, gone: set[str], come: set[str]) -> Iterator[str]:
        old, new = answer.fields, answer.names
        wrong = [*({*old} - gone), *({*new} - come)]
        if wrong:
            how = "removed" if wrong[0] in old else "added"
            problem = f"--{answer.option}: no field {wrong[0]!r} was {how}"
            raise ProjectError(self._names[0], problem, "name fields that have changed so")
        one, many = (old[0], new) if answer.option == "split" else (new[0], old)
        listed = f"[{', '.join(map(_quoted, many))}]"
        if answer.option == "split":
            question = f"which function returns {', '.join(new)} for an old {one!r}?"
            head = (_quoted(one), listed)
        else:
            question = f"which function makes {one!r} of {', '.join(old)}?"
            head = (listed, _quoted(one))
        code = self.answers.function(self._names, one, question)
        self._regrouped.append((answer.option, (*head, double_quoted(code))))
        yield from (*old, *new)

    def _ask_renames(self, found: tuple[Change, ...], old: Recorded, today: Recorded) -> None:
        for one in found:
            if one.new is not None or one.field in today.transient:
                continue
            new = self.answers.renamed(self._names, one.field, self._free(one, found, old, today))
            if new is not None:
                self._renames[one.field] = new
            elif self._is_enum:
                problem = f"it is not known which member {one.field!r} is today"
                cure = f"pass --rename {one.field}=..., or write the step yourself"
                raise ProjectError(self._names[0], problem, cure)

    def _free(
        self, gone: Change, found: tuple[Change, ...], old: Recorded, today: Recorded
    ) -> list[str]:
        """Return the names that a field may have now, those of the same type first."""
        come = [one.new for one in found if one.old is None and one.new is not None]
        free = [
            field
            for field in come
            if field.name not in self._renames.values() and field.name not in old.transient
        ]
        assert gone.old is not None
        kind = gone.old.type
        names = [field.name for field in sorted(free, key=lambda field: field.type != kind)]
        others = (name for name in today.names if name not in names)
        return [*names, *others] if self._is_enum else names

    def _ask_codes(self, change: Change) -> None:
        old, new = change.old, change.new
        if new is None:
            return
        if old is None:
            given = self.answers.given("add", self._names, change.field)
            known = default_factory(self.instrumentation.cls, change.field)
            if given is None and known is not None:
                self._values[change.field] = f"factory={known}"
            elif given is not None or new.default in {None, FACTORY}:
                code = self.answers.value(self._names, new)
                self._values[change.field] = argument_of(code, new, self.place.space, self._names)
        elif self.answers.given("convert", self._names, change.field) is not None or (
            change.needs_conversion and change.lossless is None
        ):
            self._ask_function(change.field, old, new)

    def _ask_function(self, field: str, old: RecordedField, new: RecordedField) -> None:
        kinds = new.type or "today", old.type or "the old one"
        question = f"which function makes {kinds[0]}'s {field!r} of {kinds[1]}?"
        self._functions[field] = self.answers.function(self._names, field, question)

    def check_names(self, scope: Scope) -> None:
        """Refuse code with names that are unknown in the module that it goes to."""
        for code in map(_expression, self._codes):
            unknown = names_in(code) - self.place.space.keys()
            for name in sorted(unknown):
                if not scope.knows(name):
                    module = self.place.space["__name__"]
                    problem = f"the module {module} has no name {name!r}, which {code!r} uses"
                    raise ProjectError(self._names[0], problem, "import it there first")

    def written(self, source: SourceText, space: Space, scope: Scope) -> StepCode:
        """Return the step, and let *scope* import what it needs."""
        known = target_in(source, space, self.instrumentation)
        made = self._enum_operations(scope) if self._is_enum else self._operations(scope)
        return StepCode(
            scope.name_of("versionpickle", "migration"),
            self._target(source, scope) if known is None else known,
            self._version,
            made,
            source.indent,
            self.project.known.line_length,
            "" if made else scope.name_of("typing", "Any"),
        )

    def _target(self, source: SourceText, scope: Scope) -> str:
        if source.file == self.place.source.file or self.place.target.startswith('"'):
            return self.place.target
        first, *rest = self.instrumentation.cls.__qualname__.split(".")
        return ".".join([scope.name_of(self.instrumentation.cls.__module__, first), *rest])

    def _operations(self, scope: Scope) -> tuple[str, ...]:
        for code in map(_expression, self._codes):
            for name in names_in(code):
                if not scope.knows(name):
                    scope.name_of(self.place.space["__name__"], name)
        functions = {**self._functions}
        for change in self._changes:
            if change.needs_conversion and change.field not in functions:
                functions[change.field] = _known_conversion(change, scope.name_of)
        renames = [("rename", tuple(map(_quoted, names))) for names in self._renames.items()]
        others = [
            (one.name, tuple(map(double_quoted, one.arguments)))
            for one in operations(self._changes, Codes(self._values, functions))
        ]
        return tuple(
            f"{scope.name_of('versionpickle.migrations', name)}({', '.join(arguments)})"
            for name, arguments in (*renames, *self._regrouped, *others)
        )

    def _enum_operations(self, scope: Scope) -> tuple[str, ...]:
        if not self._renames:
            return ()
        names = json.dumps(self._renames, ensure_ascii=False)
        convert = scope.name_of("versionpickle.migrations", "convert")
        return (f'{convert}("name", lambda name: {names}.get(name, name))',)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _expression(argument: str) -> str:
    """Return the code in an argument such as ``factory=list``."""
    name, equals, code = argument.partition("=")
    return code if equals and name in {"factory", "compute"} else argument


def _known_conversion(change: Change, name_of: Callable[[str, str], str]) -> str:
    code = change.lossless
    assert code is not None
    return name_of("decimal", code) if code.isidentifier() else code
